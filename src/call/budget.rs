//! Budgets of bytes: what the process holds for clients and guests, by who makes it hold it.
//!
//! Budgets form a tree: the process, in it connections and stores, in them calls. A charge counts in its budget and in all
//! above it, and is refused when one of them would exceed its limit. A charge releases its bytes when it is dropped, so
//! whoever owns the bytes owns their charge.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A limit of bytes, and the bytes that count against it.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    /// Whose budget it is, for errors: `"the process"`.
    owner: &'static str,
    limit: u64,
    used: AtomicU64,
    parent: Option<Arc<Self>>,
}

/// Bytes that would exceed a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{owner} would hold more than its {limit} bytes")]
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

impl ByteBudget {
    /// Makes a budget without another above it.
    pub(crate) fn new(owner: &'static str, limit: u64) -> Arc<Self> {
        Arc::new(Self { owner, limit, used: AtomicU64::new(0), parent: None })
    }

    /// Makes a budget whose bytes count in this one, too.
    pub(crate) fn child(self: &Arc<Self>, owner: &'static str, limit: u64) -> Arc<Self> {
        Arc::new(Self { owner, limit, used: AtomicU64::new(0), parent: Some(self.clone()) })
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
        for (index, budget) in self.ancestors().enumerate() {
            let before = budget.used.fetch_add(bytes, Ordering::Relaxed);
            if before.saturating_add(bytes) > budget.limit {
                for charged in self.ancestors().take(index + 1) {
                    charged.used.fetch_sub(bytes, Ordering::Relaxed);
                }
                return Err(BudgetExceeded { owner: budget.owner, limit: budget.limit });
            }
        }
        Ok(())
    }

    fn subtract(&self, bytes: u64) {
        for budget in self.ancestors() {
            budget.used.fetch_sub(bytes, Ordering::Relaxed);
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
#[allow(clippy::unwrap_used)]
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
