//! Typed component functions driven by a [`Function`]: the bridge to wasmtime, and all of the link's `unsafe`.
//!
//! wasmtime calls functions of statically known types through its traits `ComponentType`, `Lower`, `Lift` and
//! `ComponentNamedList`, which are public, doc-hidden in part, and `unsafe` to implement. The types here implement them for
//! functions whose type is known from a plan only: [`Params`] and [`Returned`] for calls of a component, [`Passed`] and
//! [`Returning`] for calls that a component makes.
//!
//! What is promised by the `unsafe impl`s, and why it holds:
//!
//! 1. *`Lower` has as many `ValRaw` as the function has flat values.* wasmtime reads and writes `size_of::<Lower>()` bytes
//!    of the slots. `typecheck` compares `N` with the component's own flat count, and no function is made without it:
//!    `TypedFunc::new_unchecked` is never used.
//! 2. *`SIZE32` and `ALIGN32` describe the value in memory.* wasmtime uses them where a top-level list lies in memory, to
//!    check its bounds and to cut out its slice. They are 0 and 1: an empty slice at the value's address. The value's own
//!    bounds and alignment are then checked where it is read ([`Function::lift_params`]) and written ([`Guest::write`]).
//! 3. *Lowering initialises all of `dst`, lifting reads only what is there.* The whole array is written at once. A slot of
//!    a 32-bit type may have its low half written only, so each is read as the core type it has.
//! 4. *Memory is only reached inside of its bounds.* There is no pointer arithmetic: every access is a checked slice of
//!    the memory as it is at that moment, taken anew after each call of the guest's `realloc`.
//!
//! Nothing here converts, transmutes or dereferences. Besides the `unsafe impl`s there is one `unsafe` call, of another
//! kind, kept here so that all of it is in one place: [`load_compiled`].
#![allow(unsafe_code, reason = "the one file of the crate that may; its obligations are written above")]

use std::mem::MaybeUninit;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use wasmtime::component::__internal::wasmtime_environ::component::{OptionsIndex, StringEncoding};
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext};
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, ComponentType, Instance, Lift, LinkerInstance, Lower,
    TypedFunc,
};
use wasmtime::{AsContextMut, Result, Store, StoreContextMut, ValRaw, bail, ensure};

use super::function::{Answer, Function, Prepared};
use super::lower::{Memory, Refusal};
use super::{Limits, LinkError};

/// See point 2 of the module's documentation.
const ABI: CanonicalAbiInfo = CanonicalAbiInfo { size32: 0, align32: 1, size64: 0, align64: 1, flat_count: Some(0) };

/// Point 1 of the module's documentation: `count` slots are what the component itself says, at most `max` being flat.
fn check_flat_count(count: usize, max: usize, ty: &InterfaceType, instance: &InstanceType<'_>) -> Result<()> {
    let InterfaceType::Tuple(index) = ty else { bail!("expected a list of parameters or results") };
    let found = instance.types[*index].abi.flat_count(max).unwrap_or(1);
    ensure!(found == count, "the component's function has {found} flat values where the plan has {count}");
    Ok(())
}

/// The size of the value in memory is the plan's: a plan of another function is found out here.
fn check_size(size: u32, found: u32) -> Result<()> {
    ensure!(found == size, "the component's value has {found} bytes where the plan has {size}");
    Ok(())
}

fn check_encoding(encoding: &StringEncoding) -> Result<()> {
    ensure!(matches!(encoding, StringEncoding::Utf8), "the component's strings are not UTF-8");
    Ok(())
}

/// The memory of the guest that is being called, or that calls.
struct Guest<'a, 'b, T: 'static> {
    context: &'a mut LowerContext<'b, T>,
}

impl<T> Memory for Guest<'_, '_, T> {
    type Refused = wasmtime::Error;

    #[inline]
    fn put(&mut self, bytes: &[u8], align: u32) -> Result<u32> {
        let at = self.context.realloc(0, 0, align, bytes.len())?;
        self.write(at, bytes)?;
        Ok(u32::try_from(at)?)
    }
}

impl<T> Guest<'_, '_, T> {
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

fn refused(refusal: Refusal<wasmtime::Error>) -> wasmtime::Error {
    match refusal {
        Refusal::Memory(error) => error,
        Refusal::NotChecked => wasmtime::Error::new(LinkError::NotChecked),
    }
}

// Calls of the component.

/// The parameters of a call of the component.
struct Params<const N: usize> {
    function: Arc<Function>,
    request: Prepared,
}

unsafe impl<const N: usize> ComponentType for Params<N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = ABI;

    fn typecheck(ty: &InterfaceType, instance: &InstanceType<'_>) -> Result<()> {
        check_flat_count(N, 16, ty, instance)
    }
}

unsafe impl<const N: usize> ComponentNamedList for Params<N> {}

unsafe impl<const N: usize> Lower for Params<N> {
    fn linear_lower_to_flat<T>(
        &self,
        context: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; N]>,
    ) -> Result<()> {
        let InterfaceType::Tuple(index) = ty else { bail!("expected a list of parameters") };
        check_size(self.function.params.size, context.types[index].abi.size32)?;
        check_encoding(&context.options().string_encoding)?;
        let slots = self.function.lower_params(&self.request, &mut Guest { context }).map_err(refused)?;
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
    static CALLED: (Arc<Function>, usize);
}

/// What a call of the component returned.
struct Returned(Answer<Bytes>);

unsafe impl ComponentType for Returned {
    type Lower = [ValRaw; 1];
    const ABI: CanonicalAbiInfo = ABI;

    fn typecheck(ty: &InterfaceType, instance: &InstanceType<'_>) -> Result<()> {
        check_flat_count(1, 1, ty, instance)
    }
}

unsafe impl ComponentNamedList for Returned {}

unsafe impl Lift for Returned {
    fn linear_lift_from_flat(context: &mut LiftContext<'_>, ty: InterfaceType, src: &[ValRaw; 1]) -> Result<Self> {
        let InterfaceType::Tuple(index) = ty else { bail!("expected a list of results") };
        check_encoding(&context.options().string_encoding)?;
        let size = context.types[index].abi.size32;
        let [address] = src;
        CALLED.try_with(|(function, limit)| {
            check_size(function.result.size, size)?;
            let answer = function.lift_result(address.get_u32().into(), context.memory(), *limit);
            Ok(Self(answer.map_err(|error| wasmtime::Error::new(LinkError::Lift(error)))?))
        })?
    }

    fn linear_lift_from_memory(_: &mut LiftContext<'_>, _: InterfaceType, _: &[u8]) -> Result<Self> {
        bail!("results are never lifted from memory")
    }
}

/// A function that a component exports, whatever its number of flat parameters.
pub(crate) struct Export {
    function: Arc<Function>,
    index: ComponentExportIndex,
}

impl Export {
    pub(super) fn new(function: Arc<Function>, index: ComponentExportIndex) -> Self {
        Self { function, index }
    }

    pub(crate) fn function(&self) -> &Function {
        &self.function
    }

    /// Looks the function up in an instance of the component.
    ///
    /// # Errors
    /// When the function's type is not the plan's.
    pub(crate) fn bind<T: Send + 'static>(&self, store: &mut Store<T>, instance: &Instance) -> Result<Bound<T>> {
        macro_rules! bind {
            ($($n:literal)*) => {
                match self.function.flats() {
                    $($n => Arc::new(instance.get_typed_func::<Params<$n>, Returned>(store, self.index)?) as Arc<dyn Call<T>>,)*
                    more => bail!("{more} flat parameters"),
                }
            };
        }
        let call = bind!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
        Ok(Bound { function: self.function.clone(), call })
    }
}

/// A function of one instance, ready to be called.
pub(crate) struct Bound<T: 'static> {
    function: Arc<Function>,
    call: Arc<dyn Call<T>>,
}

impl<T> Clone for Bound<T> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), call: self.call.clone() }
    }
}

impl<T: Send + 'static> Bound<T> {
    /// Calls the function. `limit` bounds the encoded response, in bytes.
    ///
    /// # Errors
    /// A trap, or what the guest returned is no value of its type. The store is of no use then and must be dropped, as it
    /// must when the returned future is dropped before it is done.
    pub(crate) async fn call(&self, store: &mut Store<T>, request: Prepared, limit: usize) -> Result<Answer<Bytes>> {
        let call = self.call.call(store, Callee { function: self.function.clone(), request });
        Ok(CALLED.scope((self.function.clone(), limit), call).await?.0)
    }
}

/// What is called, and with what.
struct Callee {
    function: Arc<Function>,
    request: Prepared,
}

/// A typed function, its number of parameters forgotten.
trait Call<T: 'static>: Send + Sync {
    fn call<'a>(&'a self, store: &'a mut Store<T>, callee: Callee) -> BoxFuture<'a, Result<Returned>>;
}

impl<T: Send + 'static, const N: usize> Call<T> for TypedFunc<Params<N>, Returned> {
    fn call<'a>(&'a self, store: &'a mut Store<T>, callee: Callee) -> BoxFuture<'a, Result<Returned>> {
        let Callee { function, request } = callee;
        Box::pin(self.call_async(store, Params { function, request }))
    }
}

// Calls that the component makes.

/// The parameters of a call that the component makes, not read yet: flat values, or where they lie in memory.
///
/// The plan is with the function that answers, not with the type (`Lift` has no `self`, and wasmtime interns types by
/// structure), so they are read there: [`Passed::encode`].
struct Passed<const N: usize> {
    slots: [ValRaw; N],
    options: OptionsIndex,
    instance: Instance,
    size: u32,
}

unsafe impl<const N: usize> ComponentType for Passed<N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = ABI;

    fn typecheck(ty: &InterfaceType, instance: &InstanceType<'_>) -> Result<()> {
        check_flat_count(N, 16, ty, instance)
    }
}

unsafe impl<const N: usize> ComponentNamedList for Passed<N> {}

impl<const N: usize> Passed<N> {
    fn new(context: &LiftContext<'_>, ty: InterfaceType, slots: [ValRaw; N]) -> Result<Self> {
        let InterfaceType::Tuple(index) = ty else { bail!("expected a list of parameters") };
        check_encoding(&context.options().string_encoding)?;
        let size = context.types[index].abi.size32;
        Ok(Self { slots, options: context.options_index(), instance: context.instance_handle(), size })
    }

    /// Encodes the parameters. To be called before anything is awaited: the guest stands still, its memory is as it was
    /// when it called.
    fn encode<T: 'static>(
        &self,
        store: &mut StoreContextMut<'_, T>,
        function: &Function,
        limit: usize,
    ) -> Result<Bytes> {
        check_size(function.params.size, self.size)?;
        let mut slots = [0; N];
        for (index, (to, from)) in slots.iter_mut().zip(&self.slots).enumerate() {
            let core = function.flat.as_ref().and_then(|flat| flat.get(index));
            let narrow = core.is_none_or(|core| core.is_narrow());
            *to = if narrow { from.get_u32().into() } else { from.get_u64() };
        }
        let mut context = LowerContext::new(store.as_context_mut(), self.options, self.instance);
        let encoded = function.lift_params(&slots, context.as_slice_mut(), limit);
        encoded.map_err(|error| wasmtime::Error::new(LinkError::Lift(error)))
    }
}

unsafe impl<const N: usize> Lift for Passed<N> {
    fn linear_lift_from_flat(context: &mut LiftContext<'_>, ty: InterfaceType, src: &[ValRaw; N]) -> Result<Self> {
        Self::new(context, ty, *src)
    }

    fn linear_lift_from_memory(context: &mut LiftContext<'_>, ty: InterfaceType, bytes: &[u8]) -> Result<Self> {
        // wasmtime has checked the bounds and alignment of the parameters in memory and passes an empty slice that begins
        // at them; how far into the memory that is, is their address.
        let address = (bytes.as_ptr() as usize).checked_sub(context.memory().as_ptr() as usize);
        let Some(address) = address.and_then(|address| u32::try_from(address).ok()) else {
            bail!("parameters outside of the component's memory")
        };
        Self::new(context, ty, [ValRaw::u32(address); N])
    }
}

/// What a call that the component made is answered with.
struct Returning {
    function: Arc<Function>,
    answer: Answer<Prepared>,
}

unsafe impl ComponentType for Returning {
    type Lower = [ValRaw; 1];
    const ABI: CanonicalAbiInfo = ABI;

    fn typecheck(ty: &InterfaceType, instance: &InstanceType<'_>) -> Result<()> {
        check_flat_count(1, 1, ty, instance)
    }
}

unsafe impl ComponentNamedList for Returning {}

unsafe impl Lower for Returning {
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
        let mut guest = Guest { context };
        let image = self.function.lower_result(&self.answer, &mut guest).map_err(refused)?;
        guest.write(at, &image)
    }
}

/// Who answers the calls that a component makes: the data of its store.
pub(crate) trait Host: Sized + Send + 'static {
    /// What may be passed and returned.
    fn limits(&self) -> Limits;

    /// Answers a call of the method with this path. The guest is suspended until then.
    fn call(store: StoreContextMut<'_, Self>, path: Arc<str>, request: Bytes) -> BoxFuture<'_, Answer<Bytes>>;
}

/// Where the calls of an import go.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    /// To the service, through [`Host::call`].
    Method(Arc<str>),
    /// Nowhere: the encoded message that was lifted is the answer (a function of a codec interface).
    Codec,
}

fn add_with<T: Host, const N: usize>(
    linker: &mut LinkerInstance<'_, T>,
    function: Arc<Function>,
    destination: Destination,
) -> Result<()> {
    let name = function.name.clone();
    linker.func_wrap_async(&name, move |mut store: StoreContextMut<'_, T>, passed: Passed<N>| {
        let function = function.clone();
        let destination = destination.clone();
        let limits = store.data().limits();
        let request = passed.encode(&mut store, &function, limits.request);
        Box::new(async move {
            let request = request?;
            let response = match destination {
                Destination::Method(path) => T::call(store, path, request).await,
                Destination::Codec => Ok(request),
            };
            let answer = match response {
                Ok(wire) => function.prepare_response(wire, limits.lowered).map_err(|error| Box::new(error.into())),
                Err(status) => Err(status),
            };
            Ok(Returning { function, answer })
        })
    })
}

/// Adds a function to what a component may import.
///
/// # Errors
/// When there is one of that name.
pub(super) fn add<T: Host>(
    linker: &mut LinkerInstance<'_, T>,
    function: Arc<Function>,
    destination: Destination,
) -> Result<()> {
    macro_rules! add {
        ($($n:literal)*) => {
            match function.flats() {
                $($n => add_with::<T, $n>(linker, function, destination),)*
                more => bail!("{more} flat parameters"),
            }
        };
    }
    add!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
}

/// Loads compiled code.
///
/// wasmtime checks that the code was made by the same version and configuration; that it was made by wasmtime at all is
/// what the caller must know. The compile cache does: nobody else writes to its folder.
///
/// # Errors
/// When the file cannot be read, or was made for another engine.
pub(crate) fn load_compiled(engine: &wasmtime::Engine, path: &std::path::Path) -> Result<Component> {
    // SAFETY: the file lies in the compile cache's private folder, where it was written whole from `Component::serialize`.
    unsafe { Component::deserialize_file(engine, path) }
}
