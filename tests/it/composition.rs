//! Components of OKRA's SDK without OKRA: composed by plain `wac`, run by plain wasmtime.

use std::path::{Path, PathBuf};
use std::process::Command;

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, Linker, Resource, ResourceTable, ResourceType, Val};
use wasmtime::{Engine, Store, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::host::built;

const BILLING: &str = "shop:billing/billing@1.0.0";
const USERS: &str = "shop:users/users@1.0.0";

/// The billing example with its import of users satisfied by the users example.
fn composed() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let output = folder.join("composed.wasm");
    let status = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(here.join("tests/compose/Cargo.toml"))
        .arg("--target-dir")
        .arg(folder.join("compose"))
        .arg("--")
        .args([built("examples/shop/billing"), built("examples/shop/users"), output.clone()])
        .status()
        .expect("cargo starts");
    assert!(status.success(), "the components can be composed");
    output
}

/// What the composed component still imports is answered by no more than this.
struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// `okra:service/outgoing.scope`.
struct Scope;

/// A stream of OKRA's host.
struct Stream;

fn linker(engine: &Engine) -> Linker<Host> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
    let mut outgoing = linker.instance("okra:service/outgoing@0.2.0").unwrap();
    outgoing.resource("scope", ResourceType::host::<Scope>(), |_, _| Ok(())).unwrap();
    outgoing.func_wrap("[constructor]scope", |_, (): ()| Ok((Resource::<Scope>::new_own(1),))).unwrap();
    outgoing.func_wrap("[method]scope.set-timeout", |_, _: (Resource<Scope>, u64)| Ok(())).unwrap();
    let mut log = linker.instance("okra:service/log@0.2.0").unwrap();
    log.func_new("enabled", |_, _, _, results| {
        results.fill(Val::Bool(false));
        Ok(())
    })
    .unwrap();
    log.func_new("write", |_, _, _, _| Ok(())).unwrap();
    // Streams are resources of OKRA's host: who calls a method that streams needs it.
    let mut streams = linker.instance("shop:billing/streams@1.0.0").unwrap();
    for (resource, function) in [("create-invoice-request-reader", "read"), ("invoice-writer", "write")] {
        streams.resource(resource, ResourceType::host::<Stream>(), |_, _| Ok(())).unwrap();
        let unreachable = |_: StoreContextMut<'_, Host>, _: ComponentFunc, _: &[Val], _: &mut [Val]| {
            wasmtime::bail!("there are no streams here")
        };
        streams.func_new(&format!("[method]{resource}.{function}"), unreachable).unwrap();
    }
    linker
}

fn field<'a>(record: &'a Val, name: &str) -> &'a Val {
    let Val::Record(fields) = record else { panic!("no record: {record:?}") };
    &fields.iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("no field `{name}` in {record:?}")).1
}

fn record<const N: usize>(fields: [(&str, Val); N]) -> Val {
    Val::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn text(text: &str) -> Val {
    Val::String(text.to_owned())
}

/// Calls a method of the composed component in an instance of its own.
async fn call(component: &Component, linker: &Linker<Host>, method: &str, request: Val) -> Result<Val, Val> {
    let host = Host { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
    let mut store = Store::new(component.engine(), host);
    let instance = linker.instantiate_async(&mut store, component).await.unwrap();
    let interface = instance.get_export_index(&mut store, None, BILLING).unwrap();
    let index = instance.get_export_index(&mut store, Some(&interface), method).unwrap();
    let function = instance.get_func(&mut store, index).unwrap();
    let mut results = [Val::Bool(false)];
    function.call_async(&mut store, &[request], &mut results).await.unwrap();
    match results {
        [Val::Result(Ok(Some(response)))] => Ok(*response),
        [Val::Result(Err(Some(error)))] => Err(*error),
        other => panic!("not what a method returns: {other:?}"),
    }
}

#[tokio::test]
async fn two_services_composed_by_wac_answer_without_okra() {
    let engine = Engine::default();
    let component = Component::from_file(&engine, composed()).unwrap();
    let ty = component.component_type();
    assert!(matches!(ty.get_export(&engine, BILLING).unwrap().ty, ComponentItem::ComponentInstance(_)));
    assert!(ty.get_import(&engine, USERS).is_none(), "users are within");
    let linker = linker(&engine);

    let invoice = call(&component, &linker, "get-invoice", record([("invoice-id", text("i-1"))])).await.unwrap();
    let Val::Option(Some(user)) = field(&invoice, "user") else { panic!("no user in {invoice:?}") };
    assert_eq!(field(user, "name"), &text("Analytical Engines Lda"));
    assert_eq!(field(user, "kind"), &Val::Variant("company".to_owned(), None));

    // The users service's error comes through, too.
    let line = record([
        ("text", text("wheels")),
        ("quantity", Val::U32(2)),
        ("unit-price", Val::Option(Some(Box::new(record([("currency", text("EUR")), ("amount", Val::S64(150))]))))),
    ]);
    let card = Val::Variant("card".to_owned(), Some(Box::new(record([("last-digits", text("4242"))]))));
    let request = |user: &str| {
        record([
            ("user-id", text(user)),
            ("lines", Val::List(vec![line.clone()])),
            ("payment", Val::Option(Some(Box::new(card.clone())))),
            ("payable-within", Val::Option(None)),
            ("note", Val::Option(None)),
            ("labels", Val::List(Vec::new())),
        ])
    };
    let error = call(&component, &linker, "create-invoice", request("u-9")).await.unwrap_err();
    assert_eq!(field(&error, "code"), &Val::Enum("not-found".to_owned()));
    assert_eq!(field(&error, "message"), &text("there is no user `u-9`"));
    let invoice = call(&component, &linker, "create-invoice", request("u-1")).await.unwrap();
    let Val::Option(Some(user)) = field(&invoice, "user") else { panic!("no user in {invoice:?}") };
    assert_eq!(field(user, "name"), &text("Ada Lovelace"));
}
