//! Budgets of bytes: what the process holds for clients and guests, by who makes it hold it.
//!
//! Budgets form a tree: the process, in it connections and stores, in them calls. A charge counts in its budget and in all
//! above it, and is refused when one of them would exceed its limit, or would leave others no room. A charge releases its bytes when it is dropped: the
//! owner of the bytes owns their charge.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::Notify;

/// The part of a shared budget, as its divisor, that one budget in it leaves to the others when it has as much itself.
const RESERVE: u64 = 8;

/// A limit of bytes, and the bytes that count against it.
#[derive(Debug)]
pub struct ByteBudget {
    /// Whose budget it is, for errors: `"the process"`.
    owner: &'static str,
    limit: u64,
    /// The last bytes: they are for the budgets in this one that have no more than as many.
    reserve: u64,
    used: AtomicU64,
    parent: Option<Arc<Self>>,
    /// Whether more than nine tenths were used, and since then not less than eight.
    is_pressed: AtomicBool,
    pressed: Notify,
}

/// Bytes that would exceed a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{owner} would hold more than its limit of {limit} bytes")]
pub(crate) struct BudgetExceeded {
    /// Whose budget it is.
    pub(crate) owner: &'static str,
    /// The limit in bytes.
    pub(crate) limit: u64,
}

/// Bytes that count against a budget until this is dropped.
#[derive(Debug)]
#[must_use = "the bytes are released when the charge is dropped"]
pub(crate) struct ByteCharge {
    budget: Arc<ByteBudget>,
    bytes: u64,
}

/// Bytes with their charge.
struct ChargedBytes {
    bytes: Bytes,
    _charge: ByteCharge,
}

impl AsRef<[u8]> for ChargedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl ByteBudget {
    /// Makes the budget of a process, which has no other above it.
    pub fn of_process(limit_bytes: u64) -> Arc<Self> {
        Arc::new(Self { reserve: limit_bytes / RESERVE, ..Self::with_parent("the process", limit_bytes, None) })
    }

    /// Makes a budget whose bytes count in this one, too, and in which one budget with much leaves a part to the others.
    pub(crate) fn shared_child(self: &Arc<Self>, owner: &'static str, limit: u64) -> Arc<Self> {
        Arc::new(Self { reserve: limit / RESERVE, ..Self::with_parent(owner, limit, Some(self.clone())) })
    }

    /// Makes a budget without another above it.
    #[cfg(test)]
    pub(crate) fn new(owner: &'static str, limit: u64) -> Arc<Self> {
        Arc::new(Self::with_parent(owner, limit, None))
    }

    /// Makes a budget whose bytes count in this one, too.
    pub(crate) fn child(self: &Arc<Self>, owner: &'static str, limit: u64) -> Arc<Self> {
        Arc::new(Self::with_parent(owner, limit, Some(self.clone())))
    }

    fn with_parent(owner: &'static str, limit: u64, parent: Option<Arc<Self>>) -> Self {
        let (is_pressed, pressed) = (AtomicBool::new(false), Notify::new());
        Self { owner, limit, reserve: 0, used: AtomicU64::new(0), parent, is_pressed, pressed }
    }

    /// Whether the budget is nearly used up: from nine tenths of it on until less than eight tenths are used.
    pub(crate) fn is_pressed(&self) -> bool {
        self.is_pressed.load(Ordering::Relaxed)
    }

    /// Waits until the budget is nearly used up. For one waiter.
    pub(crate) async fn pressed(&self) {
        while !self.is_pressed() {
            self.pressed.notified().await;
        }
    }

    /// Returns the bytes that are charged now.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Returns the limit in bytes.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Charges bytes to this budget and all above it.
    ///
    /// # Errors
    /// The budget that has no room for them; nothing is charged then.
    pub(crate) fn charge(self: &Arc<Self>, bytes: u64) -> Result<ByteCharge, BudgetExceeded> {
        let mut charge = ByteCharge { budget: self.clone(), bytes: 0 };
        charge.grow(bytes)?;
        Ok(charge)
    }

    fn ancestors(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |budget| budget.parent.as_deref())
    }

    fn add(&self, bytes: u64) -> Result<(), BudgetExceeded> {
        let mut child = 0;
        for (index, budget) in self.ancestors().enumerate() {
            let before = budget.used.fetch_add(bytes, Ordering::Relaxed);
            let after = before.saturating_add(bytes);
            let is_of_others = child > budget.reserve && after > budget.limit - budget.reserve;
            child = after;
            if after > budget.limit || is_of_others {
                for charged in self.ancestors().take(index + 1) {
                    charged.used.fetch_sub(bytes, Ordering::Relaxed);
                }
                return Err(BudgetExceeded { owner: budget.owner, limit: budget.limit });
            }
            if after > budget.limit / 10 * 9 {
                budget.press();
            }
        }
        Ok(())
    }

    fn subtract(&self, bytes: u64) {
        self.ancestors().for_each(|budget| budget.subtract_here(bytes));
    }

    fn subtract_here(&self, bytes: u64) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        if self.is_pressed() && before.saturating_sub(bytes) < self.limit / 10 * 8 {
            self.is_pressed.store(false, Ordering::Relaxed);
        }
    }

    fn press(&self) {
        if !self.is_pressed.swap(true, Ordering::Relaxed) {
            self.pressed.notify_one();
        }
    }
}

impl ByteCharge {
    /// Returns the bytes that it charges.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Charges more bytes.
    ///
    /// # Errors
    /// The budget that has no room for them; the charge is as before then.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), BudgetExceeded> {
        self.budget.add(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Sets the bytes that it charges.
    ///
    /// # Errors
    /// As of [`grow`](Self::grow).
    pub(crate) fn set(&mut self, bytes: u64) -> Result<(), BudgetExceeded> {
        match bytes.checked_sub(self.bytes) {
            Some(0) => Ok(()),
            Some(more) => self.grow(more),
            None => {
                self.shrink(self.bytes - bytes);
                Ok(())
            }
        }
    }

    /// Splits off a part of the charge, at most all of it.
    pub(crate) fn split(&mut self, bytes: u64) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { budget: self.budget.clone(), bytes }
    }

    /// Charges the bytes to `above` and the budgets above it only, from now on.
    pub(crate) fn rise_to(&mut self, above: &Arc<ByteBudget>) {
        while !Arc::ptr_eq(&self.budget, above) {
            let Some(parent) = self.budget.parent.clone() else { return };
            self.budget.subtract_here(self.bytes);
            self.budget = parent;
        }
    }

    /// Releases the charge when the last copy of these bytes is dropped, or of a part of them.
    pub(crate) fn attach(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(ChargedBytes { bytes, _charge: self })
    }

    /// Releases some of its bytes, at most all of them.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.budget.subtract(bytes);
        self.bytes -= bytes;
    }
}

impl Drop for ByteCharge {
    fn drop(&mut self) {
        self.budget.subtract(self.bytes);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_counts_in_all_budgets_above_it_until_it_is_dropped() {
        let process = ByteBudget::new("the process", 100);
        let connection = process.child("the connection", 60);
        let mut charge = connection.charge(20).unwrap();
        charge.grow(30).unwrap();
        charge.shrink(10);
        assert_eq!((process.used(), connection.used(), charge.bytes()), (40, 40, 40));
        drop(charge);
        assert_eq!((process.used(), connection.used()), (0, 0));
    }

    #[test]
    fn one_that_has_much_leaves_room_for_the_others() {
        let process = ByteBudget::of_process(800);
        let (much, little) = (process.child("the package", u64::MAX), process.child("the package", u64::MAX));
        let _most = much.charge(700).unwrap();
        assert_eq!(much.charge(1).unwrap_err().owner, "the process");
        let _rest = little.charge(100).unwrap();
        assert_eq!(little.charge(1).unwrap_err().owner, "the process");
    }

    #[test]
    fn bytes_are_charged_until_the_last_part_of_them_is_dropped() {
        let process = ByteBudget::of_process(100);
        let bytes = process.charge(10).unwrap().attach(Bytes::from(vec![7; 10]));
        let part = bytes.slice(2..4);
        drop(bytes);
        assert_eq!((process.used(), &part[..]), (10, &[7, 7][..]));
        drop(part);
        assert_eq!(process.used(), 0);
    }

    #[test]
    fn a_part_of_a_charge_can_rise_to_the_budget_above() {
        let process = ByteBudget::of_process(100);
        let connection = process.child("the connection", 60);
        let mut charge = connection.charge(50).unwrap();
        let mut part = charge.split(20);
        part.rise_to(&process);
        assert_eq!((process.used(), connection.used(), charge.bytes(), part.bytes()), (50, 30, 30, 20));
        drop((charge, part));
        assert_eq!((process.used(), connection.used()), (0, 0));
    }

    #[tokio::test]
    async fn a_budget_is_pressed_from_nine_tenths_on_until_less_than_eight_are_used() {
        let process = ByteBudget::of_process(100);
        let mut charge = process.charge(90).unwrap();
        assert!(!process.is_pressed());
        charge.grow(1).unwrap();
        process.pressed().await;
        charge.set(80).unwrap();
        assert!(process.is_pressed());
        charge.set(79).unwrap();
        assert!(!process.is_pressed());
    }

    #[test]
    fn the_budget_that_has_no_room_is_named_and_nothing_stays_charged() {
        let process = ByteBudget::new("the process", 100);
        let [one, other] = [0; 2].map(|_| process.child("the connection", 60));
        let _held = one.charge(60).unwrap();
        assert_eq!(one.charge(1).unwrap_err(), BudgetExceeded { owner: "the connection", limit: 60 });
        let mut charge = other.charge(40).unwrap();
        assert_eq!(charge.grow(1).unwrap_err(), BudgetExceeded { owner: "the process", limit: 100 });
        assert!(other.charge(u64::MAX).is_err());
        assert_eq!((process.used(), one.used(), other.used()), (100, 60, 40));
    }
}
