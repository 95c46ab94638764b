//! Typed component functions driven by a [`ComponentFunction`]: the bridge to wasmtime, and all of the link's `unsafe`.
//!
//! wasmtime calls functions of statically known types through its traits `ComponentType`, `Lower`, `Lift` and
//! `ComponentNamedList`, which are public, doc-hidden in part, and `unsafe` to implement. The types here implement them for
//! functions whose type is known from a plan only: [`ExportParams`] and [`ExportResult`] for calls of a component, [`ImportParams`] and
//! [`ImportResult`] for calls that a component makes.
//!
//! The promises of the `unsafe impl`s, and why they hold:
//!
//! 1. *`Lower` has as many `ValRaw` as the function has flat values.* wasmtime reads and writes `size_of::<Lower>()` bytes
//!    of the slots. `typecheck` compares `N` with the component's own flat count, and no function is made without it:
//!    `TypedFunc::new_unchecked` is never used.
//! 2. *`SIZE32` and `ALIGN32` describe the value in memory.* wasmtime uses them where a top-level list lies in memory, to
//!    check its bounds and to cut out its slice. They are 0 and 1: an empty slice at the value's address. The value's own
//!    bounds and alignment are then checked where it is read ([`ComponentFunction::lift_params`]) and written ([`GuestMemory::write`]).
//! 3. *Lowering initialises all of `dst`, lifting reads only what is there.* The whole array is written at once. A slot of
//!    a 32-bit type may have its low half written only, so each is read as the core type it has.
//! 4. *Memory is only reached inside of its bounds.* There is no pointer arithmetic: every access is a checked slice of
//!    the memory as it is at that moment, taken anew after each call of the guest's `realloc`.
//! 5. *Handles are wasmtime's own affair.* Resources are lent, given and taken by `ResourceDynamic`, which keeps the guest's
//!    table of handles: a handle that is forged, of another type or dropped already is refused there.
//!
//! Nothing here converts, transmutes or dereferences. Besides the `unsafe impl`s there are two `unsafe` calls:
//! [`lower_handle`] reads what wasmtime has written for it, and [`load_compiled`], of another kind, is kept here so that
//! all of it is in one place.
#![allow(unsafe_code, reason = "the one file of the crate that may; its obligations are written above")]

use std::mem::MaybeUninit;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use wasmtime::component::__internal::wasmtime_environ::component::{OptionsIndex, StringEncoding, TypeTupleIndex};
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext};
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, ComponentType, Instance, Lift, Lower, ResourceDynamic,
    TypedFunc,
};
use wasmtime::{AsContextMut, Result, Store, StoreContextMut, ValRaw, bail, ensure};

use crate::call::{LocalMessage, MessageBatch};
use crate::link::LinkError;
use crate::link::function::{CheckedMessage, ComponentFunction, FunctionResult, GuestResult, ResourceId};
use crate::link::lift::LiftError;
use crate::link::lower::{LowerError, MemoryWriter};
use crate::link::operation::HostOutcome;

/// See point 2 of the module's documentation.
const ABI: CanonicalAbiInfo = CanonicalAbiInfo { size32: 0, align32: 1, size64: 0, align64: 1, flat_count: Some(0) };

/// Point 1 of the module's documentation: `count` slots are what the component itself says, at most `max` being flat.
fn check_flat_count(count: usize, max: usize, ty: &InterfaceType, instance: &InstanceType<'_>) -> Result<()> {
    let InterfaceType::Tuple(index) = ty else { bail!("expected a list of parameters or results") };
    let list = &instance.types[*index];
    let found = list.abi.flat_count(max).unwrap_or(1);
    ensure!(found == count, "the component's function has {found} flat values where the plan has {count}");
    for ty in list.types.iter().filter(|ty| is_handle(ty)) {
        <ResourceDynamic as ComponentType>::typecheck(ty, instance)?;
    }
    Ok(())
}

fn is_handle(ty: &InterfaceType) -> bool {
    matches!(ty, InterfaceType::Own(_) | InterfaceType::Borrow(_))
}

/// Enters a resource into the guest's table and returns the guest's number of it.
fn lower_handle<T>(resource: &ResourceDynamic, context: &mut LowerContext<'_, T>, ty: InterfaceType) -> Result<u32> {
    let mut slot = MaybeUninit::new(ValRaw::u32(0));
    resource.linear_lower_to_flat(context, ty, &mut slot)?;
    // SAFETY: the slot was initialised when it was made, whatever wasmtime has written since.
    Ok(unsafe { slot.assume_init() }.get_u32())
}

/// Checks that the size of a value in memory is the plan's, which detects the plan of another function.
fn check_size(size: u32, found: u32) -> Result<()> {
    ensure!(found == size, "the component's value has {found} bytes where the plan has {size}");
    Ok(())
}

fn check_encoding(encoding: &StringEncoding) -> Result<()> {
    ensure!(matches!(encoding, StringEncoding::Utf8), "the component's strings are not UTF-8");
    Ok(())
}

/// The memory of the guest that is being called, or that calls.
struct GuestMemory<'a, 'b, T: 'static> {
    context: &'a mut LowerContext<'b, T>,
}

impl<T> MemoryWriter for GuestMemory<'_, '_, T> {
    type Refused = wasmtime::Error;

    #[inline]
    fn put(&mut self, bytes: &[u8], align: u32) -> Result<u32> {
        let at = self.context.realloc(0, 0, align, bytes.len())?;
        self.write(at, bytes)?;
        Ok(u32::try_from(at)?)
    }
}

impl<T> GuestMemory<'_, '_, T> {
    #[inline]
    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let to = at.checked_add(bytes.len()).and_then(|end| self.context.as_slice_mut().get_mut(at..end));
        match to {
            Some(to) => to.copy_from_slice(bytes),
            None => bail!("the component's `realloc` returned an address outside of its memory"),
        }
        Ok(())
    }
}

fn refused(refusal: LowerError<wasmtime::Error>) -> wasmtime::Error {
    match refusal {
        LowerError::Memory(error) => error,
        LowerError::NotChecked => wasmtime::Error::new(LinkError::NotChecked),
    }
}

// Calls of the component.

/// The params of a call of the component.
struct ExportParams<const N: usize> {
    function: Arc<ComponentFunction>,
    params: CheckedMessage,
    lent: Vec<ResourceDynamic>,
}

unsafe impl<const N: usize> ComponentType for ExportParams<N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = ABI;

    fn typecheck(ty: &InterfaceType, instance: &InstanceType<'_>) -> Result<()> {
        check_flat_count(N, 16, ty, instance)
    }
}

unsafe impl<const N: usize> ComponentNamedList for ExportParams<N> {}

unsafe impl<const N: usize> Lower for ExportParams<N> {
    fn linear_lower_to_flat<T>(
        &self,
        context: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; N]>,
    ) -> Result<()> {
        let InterfaceType::Tuple(index) = ty else { bail!("expected a list of parameters") };
        check_size(self.function.params.size, context.types[index].abi.size32)?;
        check_encoding(&context.options().string_encoding)?;
        let handle_types = context.types[index].types.iter().copied().filter(is_handle).collect::<Vec<_>>();
        ensure!(handle_types.len() == self.lent.len(), "the function borrows {} resources", handle_types.len());
        let mut handles = Vec::with_capacity(self.lent.len());
        for (resource, ty) in self.lent.iter().zip(handle_types) {
            handles.push(lower_handle(resource, context, ty)?);
        }
        let slots =
            self.function.lower_params(&self.params, &handles, &mut GuestMemory { context }).map_err(refused)?;
        ensure!(slots.len() == N, "the plan has {} flat values where the function has {N}", slots.len());
        dst.write(std::array::from_fn(|index| ValRaw::u64(slots.get(index).copied().unwrap_or_default())));
        Ok(())
    }

    fn linear_lower_to_memory<T>(&self, _: &mut LowerContext<'_, T>, _: InterfaceType, _: usize) -> Result<()> {
        // wasmtime lowers to memory what has more flat values than fit; `N` is 1 then, a pointer of our own making.
        bail!("parameters are never lowered to memory")
    }
}

tokio::task_local! {
    /// The function being called: lifting has no place for it, and must happen before the guest's post-return.
    static CALLED: CalledFunction;
}

/// The function being called, and how its results are lifted.
struct CalledFunction {
    function: Arc<ComponentFunction>,
    /// The largest encoded response, in bytes.
    limit: usize,
    /// Whether the response may be typed.
    is_typed: bool,
}

/// The results of a call of the component.
struct ExportResult(GuestResult<LocalMessage>);

unsafe impl ComponentType for ExportResult {
    type Lower = [ValRaw; 1];
    const ABI: CanonicalAbiInfo = ABI;

    fn typecheck(ty: &InterfaceType, instance: &InstanceType<'_>) -> Result<()> {
        check_flat_count(1, 1, ty, instance)
    }
}

unsafe impl ComponentNamedList for ExportResult {}

unsafe impl Lift for ExportResult {
    fn linear_lift_from_flat(context: &mut LiftContext<'_>, ty: InterfaceType, src: &[ValRaw; 1]) -> Result<Self> {
        let InterfaceType::Tuple(index) = ty else { bail!("expected a list of results") };
        check_encoding(&context.options().string_encoding)?;
        let size = context.types[index].abi.size32;
        let [address] = src;
        CALLED.try_with(|CalledFunction { function, limit, is_typed }| {
            check_size(function.result.size, size)?;
            let results = function.lift_result(address.get_u32().into(), context.memory(), *limit, *is_typed);
            Ok(Self(results.map_err(|error| wasmtime::Error::new(LinkError::Lift(error)))?))
        })?
    }

    fn linear_lift_from_memory(_: &mut LiftContext<'_>, _: InterfaceType, _: &[u8]) -> Result<Self> {
        bail!("results are never lifted from memory")
    }
}

/// A function that a component exports to serve a method.
pub(crate) struct ExportedMethod {
    function: Arc<ComponentFunction>,
    index: ComponentExportIndex,
    requests: Option<ResourceId>,
    responses: Option<ResourceId>,
}

impl ExportedMethod {
    /// `requests` and `responses` are the resources that the function borrows for its streams.
    pub(crate) fn new(
        function: Arc<ComponentFunction>,
        index: ComponentExportIndex,
        requests: Option<ResourceId>,
        responses: Option<ResourceId>,
    ) -> Self {
        Self { function, index, requests, responses }
    }

    /// Returns the resource of the request stream, if the method has one.
    pub(crate) fn requests(&self) -> Option<ResourceId> {
        self.requests
    }

    /// Returns the resource of the response stream, if the method has one.
    pub(crate) fn responses(&self) -> Option<ResourceId> {
        self.responses
    }

    pub(crate) fn function(&self) -> &ComponentFunction {
        &self.function
    }

    /// Looks the function up in an instance of the component.
    ///
    /// # Errors
    /// When the function's type is not the plan's.
    pub(crate) fn bind<T: Send + 'static>(&self, store: &mut Store<T>, instance: &Instance) -> Result<BoundExport<T>> {
        macro_rules! bind {
            ($($n:literal)*) => {
                match self.function.flats() {
                    $($n => Arc::new(instance.get_typed_func::<ExportParams<$n>, ExportResult>(store, self.index)?) as Arc<dyn TypedExport<T>>,)*
                    more => bail!("{more} flat parameters"),
                }
            };
        }
        let call = bind!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
        Ok(BoundExport { function: self.function.clone(), call })
    }
}

/// A function of one instance, ready to be called.
pub(crate) struct BoundExport<T: 'static> {
    function: Arc<ComponentFunction>,
    call: Arc<dyn TypedExport<T>>,
}

impl<T> Clone for BoundExport<T> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), call: self.call.clone() }
    }
}

impl<T: Send + 'static> BoundExport<T> {
    /// Calls the function. `lent` are the resources that it borrows, in the order of its parameters: types and numbers.
    /// `limit` bounds the encoded response, in bytes; where `is_typed`, the response may come as typed values.
    ///
    /// # Errors
    /// A trap, or what the guest returned is no value of its type. The store is of no use then and must be dropped, as it
    /// must when the returned future is dropped before it is done.
    pub(crate) async fn call(
        &self,
        store: &mut Store<T>,
        params: CheckedMessage,
        lent: &[(ResourceId, u32)],
        limit: usize,
        is_typed: bool,
    ) -> Result<GuestResult<LocalMessage>> {
        let lent = lent.iter().map(|(ty, number)| ResourceDynamic::new_borrow(*number, *ty)).collect();
        let call = self.call.call(store, ExportCall { function: self.function.clone(), params, lent });
        let called = CalledFunction { function: self.function.clone(), limit, is_typed };
        Ok(CALLED.scope(called, call).await?.0)
    }
}

/// The function that is called, with its params.
struct ExportCall {
    function: Arc<ComponentFunction>,
    params: CheckedMessage,
    lent: Vec<ResourceDynamic>,
}

/// A typed function, whatever its number of params.
trait TypedExport<T: 'static>: Send + Sync {
    fn call<'a>(&'a self, store: &'a mut Store<T>, callee: ExportCall) -> BoxFuture<'a, Result<ExportResult>>;
}

impl<T: Send + 'static, const N: usize> TypedExport<T> for TypedFunc<ExportParams<N>, ExportResult> {
    fn call<'a>(&'a self, store: &'a mut Store<T>, callee: ExportCall) -> BoxFuture<'a, Result<ExportResult>> {
        let ExportCall { function, params, lent } = callee;
        Box::pin(self.call_async(store, ExportParams { function, params, lent }))
    }
}

// Calls that the component makes.

/// The params of a call that the component makes, not read yet: flat values, or their address in memory.
///
/// The plan is with the function that answers, not with the type (`Lift` has no `self`, and wasmtime interns types by
/// structure), so they are read there: [`ImportParams::lift`].
pub(crate) struct ImportParams<const N: usize> {
    slots: [ValRaw; N],
    options: OptionsIndex,
    instance: Instance,
    size: u32,
    /// Number of the resource that a method of a resource is called on.
    pub(crate) resource: Option<u32>,
}

unsafe impl<const N: usize> ComponentType for ImportParams<N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = ABI;

    fn typecheck(ty: &InterfaceType, instance: &InstanceType<'_>) -> Result<()> {
        check_flat_count(N, 16, ty, instance)
    }
}

unsafe impl<const N: usize> ComponentNamedList for ImportParams<N> {}

impl<const N: usize> ImportParams<N> {
    /// `lift` reads a handle that is the first parameter.
    fn new(
        context: &mut LiftContext<'_>,
        ty: InterfaceType,
        slots: [ValRaw; N],
        lift: impl FnOnce(&mut LiftContext<'_>, InterfaceType) -> Result<ResourceDynamic>,
    ) -> Result<Self> {
        let InterfaceType::Tuple(index) = ty else { bail!("expected a list of parameters") };
        check_encoding(&context.options().string_encoding)?;
        let list = &context.types[index];
        let (size, first) = (list.abi.size32, list.types.first().copied().filter(is_handle));
        let resource = first.map(|ty| lift(context, ty)).transpose()?.map(|resource| resource.rep());
        Ok(Self { slots, options: context.options_index(), instance: context.instance_handle(), size, resource })
    }

    /// Encodes the parameters, or copies them to typed values for a callee that takes such. To be called before anything is
    /// awaited: the guest stands still, its memory is as it was when it called.
    pub(crate) fn lift<T: 'static>(
        &self,
        store: &mut StoreContextMut<'_, T>,
        function: &ComponentFunction,
        limit: usize,
        is_typed: bool,
    ) -> Result<LocalMessage> {
        let slots = self.read_slots(function)?;
        let mut context = LowerContext::new(store.as_context_mut(), self.options, self.instance);
        let memory = context.as_slice_mut();
        if is_typed && let Some(message) = function.lift_typed_params(&slots, memory, limit) {
            return Ok(LocalMessage::Typed(message));
        }
        function.lift_params(&slots, memory, limit).map(LocalMessage::Encoded).map_err(lift_failed)
    }

    /// Encodes the message among the parameters, as [`lift`](Self::lift) does.
    pub(crate) fn encode<T: 'static>(
        &self,
        store: &mut StoreContextMut<'_, T>,
        function: &ComponentFunction,
        limit: usize,
    ) -> Result<Bytes> {
        let slots = self.read_slots(function)?;
        let mut context = LowerContext::new(store.as_context_mut(), self.options, self.instance);
        function.lift_params(&slots, context.as_slice_mut(), limit).map_err(lift_failed)
    }

    /// Encodes messages of the list among the parameters, from number `first` on, as many as are sent at once. Returns whether
    /// there are more. To be called while the guest stands still. After an error, those before it are in `batch`.
    pub(crate) fn encode_batch<T: 'static>(
        &self,
        store: &mut StoreContextMut<'_, T>,
        function: &ComponentFunction,
        first: usize,
        limit: usize,
        batch: &mut MessageBatch,
    ) -> Result<bool> {
        let slots = self.read_slots(function)?;
        let mut context = LowerContext::new(store.as_context_mut(), self.options, self.instance);
        function.lift_batch(&slots, context.as_slice_mut(), first, limit, batch).map_err(lift_failed)
    }

    fn read_slots(&self, function: &ComponentFunction) -> Result<[u64; N]> {
        check_size(function.params.size, self.size)?;
        let mut slots = [0; N];
        for (index, (to, from)) in slots.iter_mut().zip(&self.slots).enumerate() {
            let core = function.flat.as_ref().and_then(|flat| flat.get(index));
            let narrow = core.is_none_or(|core| core.is_narrow());
            *to = if narrow { from.get_u32().into() } else { from.get_u64() };
        }
        Ok(slots)
    }

    /// Returns the number of the resource that a function on a stream is called on.
    pub(crate) fn stream_number(&self) -> Result<u32> {
        self.resource.ok_or_else(|| wasmtime::Error::msg("a method of a resource was called without one"))
    }
}

fn lift_failed(error: LiftError) -> wasmtime::Error {
    wasmtime::Error::new(LinkError::Lift(error))
}

unsafe impl<const N: usize> Lift for ImportParams<N> {
    fn linear_lift_from_flat(context: &mut LiftContext<'_>, ty: InterfaceType, src: &[ValRaw; N]) -> Result<Self> {
        Self::new(context, ty, *src, |context, ty| match src.first() {
            Some(slot) => ResourceDynamic::linear_lift_from_flat(context, ty, slot),
            None => bail!("a handle without a slot"),
        })
    }

    fn linear_lift_from_memory(context: &mut LiftContext<'_>, ty: InterfaceType, bytes: &[u8]) -> Result<Self> {
        // wasmtime has checked the bounds and alignment of the parameters in memory and passes an empty slice that begins
        // at them; how far into the memory that is, is their address.
        let address = (bytes.as_ptr() as usize).checked_sub(context.memory().as_ptr() as usize);
        let Some(address) = address.and_then(|address| u32::try_from(address).ok()) else {
            bail!("parameters outside of the component's memory")
        };
        Self::new(context, ty, [ValRaw::u32(address); N], |context, ty| {
            // The first parameter lies where all of them begin.
            let memory = context.memory();
            let handle = memory.get(address as usize..).and_then(|memory| memory.get(..4));
            let handle = handle.ok_or_else(|| wasmtime::Error::msg("parameters outside of the component's memory"))?;
            ResourceDynamic::linear_lift_from_memory(context, ty, handle)
        })
    }
}

/// The result of a call that the component made.
pub(crate) struct ImportResult {
    pub(crate) function: Arc<ComponentFunction>,
    pub(crate) result: GuestResult<HostOutcome<CheckedMessage>>,
}

unsafe impl ComponentType for ImportResult {
    type Lower = [ValRaw; 1];
    const ABI: CanonicalAbiInfo = ABI;

    fn typecheck(ty: &InterfaceType, instance: &InstanceType<'_>) -> Result<()> {
        check_flat_count(1, 1, ty, instance)
    }
}

unsafe impl ComponentNamedList for ImportResult {}

unsafe impl Lower for ImportResult {
    fn linear_lower_to_flat<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        _: &mut MaybeUninit<[ValRaw; 1]>,
    ) -> Result<()> {
        // Every result of the mapping has more than one flat value and so lies in memory.
        bail!("results are never flat")
    }

    fn linear_lower_to_memory<T>(&self, context: &mut LowerContext<'_, T>, ty: InterfaceType, at: usize) -> Result<()> {
        let InterfaceType::Tuple(index) = ty else { bail!("expected a list of results") };
        check_size(self.function.result.size, context.types[index].abi.size32)?;
        check_encoding(&context.options().string_encoding)?;
        let (result, handle) = match (&self.result, self.function.returns) {
            (Ok(HostOutcome::Stream(number)), FunctionResult::Handle(resource)) => {
                let resource = ResourceDynamic::new_own(*number, resource);
                let ty = own_handle_type(context, index)?;
                (Ok(&CheckedMessage::Nothing), Some(lower_handle(&resource, context, ty)?))
            }
            (Ok(HostOutcome::Stream(_)), _) => bail!("a resource where the function returns none"),
            (Ok(HostOutcome::Message(message)), _) => (Ok(message), None),
            (Ok(HostOutcome::Nothing), _) => (Ok(&CheckedMessage::Nothing), None),
            (Err(status), _) => (Err(&**status), None),
        };
        let mut guest = GuestMemory { context };
        let image = self.function.lower_result(result, handle, &mut guest).map_err(refused)?;
        guest.write(at, &image)
    }
}

/// The type of the resource in a `result<own<R>, error>`.
fn own_handle_type<T>(context: &LowerContext<'_, T>, results: TypeTupleIndex) -> Result<InterfaceType> {
    match context.types[results].types.first() {
        Some(InterfaceType::Result(result)) => match context.types[*result].ok {
            Some(ok) if is_handle(&ok) => Ok(ok),
            _ => bail!("expected a resource"),
        },
        _ => bail!("expected a result"),
    }
}

/// Loads compiled code.
///
/// wasmtime checks that the code was made by the same version and configuration; that it was made by wasmtime at all is
/// what the caller must know. The compile cache does: it checks owner, permissions and digest of its files.
///
/// # Errors
/// When the file cannot be read, or was made for another engine.
pub(crate) fn load_compiled(engine: &wasmtime::Engine, path: &std::path::Path) -> Result<Component> {
    // SAFETY: the file lies in the compile cache's private folder and only this user can write it; it has the digest of what was
    // written there from `Component::serialize`.
    unsafe { Component::deserialize_file(engine, path) }
}
