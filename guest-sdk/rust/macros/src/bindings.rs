//! wit-bindgen's part: what is asked of it, and its answer.

use proc_macro2::TokenStream;
use wit_bindgen_core::wit_parser::{InterfaceId, TypeDefKind, TypeId};
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::{Opts, WithOption};

use crate::keywords::rename_keywords;
use crate::project::Project;

const GUEST: &str = "::okra_guest";

pub(crate) fn bindings(project: &mut Project) -> Result<TokenStream, String> {
    let mut options = Opts {
        runtime_path: Some(format!("{GUEST}::bindings::rt")),
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        generate_all: true,
        // All that is in wit/ is reached by the project's services.
        generate_unused_types: true,
        ..Opts::default()
    };
    for id in project.imports() {
        let Some(name) = project.resolve.id_of(id) else { continue };
        if project.is_hosts(id) {
            options.with.push((name, WithOption::Path(hosts_path(project, id))));
            continue;
        }
        for (type_name, &type_id) in &project.interface(id).types {
            if type_name == "self" {
                return Err(format!(
                    "a message or enum of {name} is named `Self`, which Rust does not allow: rename it"
                ));
            }
            if project.is_resource(type_id) {
                options.additional_derive_ignore.push(type_name.clone());
                continue;
            }
            let selector = format!("{name}/{type_name}");
            match well_known(project, id, type_name) {
                Some(path) => options.with.push((selector, WithOption::Path(path))),
                None => derive_default(project, type_id, selector, &mut options),
            }
        }
    }
    let mut files = Files::default();
    let mut generator = options.build();
    generator.generate(&mut project.resolve, project.world, &mut files).map_err(|error| format!("{error:#}"))?;
    let code: Vec<u8> = files.iter().flat_map(|(_, code)| code.iter().copied()).collect();
    let code: TokenStream = String::from_utf8_lossy(&code)
        .parse()
        .map_err(|error| format!("wit-bindgen made what is not Rust: {error}"))?;
    Ok(rename_keywords(code))
}

/// Where `okra-guest` has the bindings of one of the host's interfaces.
fn hosts_path(project: &Project, id: InterfaceId) -> String {
    match project.interface(id).name.as_deref().unwrap_or_default() {
        "status" => format!("{GUEST}::bindings::status"),
        name => format!("{GUEST}::bindings::okra::service::{}", wit_bindgen_rust::to_rust_ident(name)),
    }
}

/// The type of `okra-guest` that stands for one of `google.protobuf`.
fn well_known(project: &Project, id: InterfaceId, name: &str) -> Option<String> {
    let package = project.package(id)?;
    let name = match name {
        "timestamp" => "Timestamp",
        "duration" => "Duration",
        "any" => "Any",
        _ => return None,
    };
    let is_google = package.namespace == "google" && package.name == "protobuf";
    is_google.then(|| format!("{GUEST}::well_known::{name}"))
}

/// Records have the default values of their fields, enums their first value. The variant of a oneof needs none: it is
/// always optional.
fn derive_default(project: &Project, id: TypeId, selector: String, options: &mut Opts) {
    let first_case = match &project.resolve.types[id].kind {
        TypeDefKind::Record(_) => None,
        TypeDefKind::Enum(kind) => kind.cases.first().map(|case| &case.name),
        TypeDefKind::Variant(kind) => match kind.cases.first() {
            Some(case) if case.ty.is_none() => Some(&case.name),
            _ => return,
        },
        _ => return,
    };
    if let Some(case) = first_case {
        options.additional_member_attributes.push((format!("{selector}.{case}"), "#[default]".to_owned()));
    }
    options.additional_type_attributes.push((selector, "#[derive(Default)]".to_owned()));
}
