//! Composes two components as `wac plug` does: `okra-compose SOCKET PLUG OUTPUT` satisfies what SOCKET imports with what PLUG
//! exports. Nothing here knows OKRA.

use std::error::Error;
use std::path::PathBuf;

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, plug};

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [socket, plugged, output] = files.as_slice() else {
        return Err("expected three files: the socket, the plug and the output".into());
    };
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, file: &PathBuf| -> Result<_, Box<dyn Error>> {
        let package = Package::from_file(name, None, file, graph.types_mut())?;
        Ok(graph.register_package(package)?)
    };
    let (socket, plugged) = (register("test:socket", socket)?, register("test:plug", plugged)?);
    plug(&mut graph, vec![plugged], socket)?;
    std::fs::write(output, graph.encode(EncodeOptions::default())?)?;
    Ok(())
}
