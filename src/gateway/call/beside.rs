//! Two futures in one task that wake each other without the task's scheduler.
//!
//! A response and its handler take turns for each message. In two tasks, each turn would be a task switch, which often wakes
//! another thread.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::BoxFuture;
use futures_util::task::AtomicWaker;
use tokio::task::coop;

/// The most turns of both in one poll of the task. Other tasks are next then.
const TURNS: usize = 32;

/// A future that runs beside the main one of a task.
pub(crate) struct Beside {
    /// `None` when it is over.
    future: Option<BoxFuture<'static, ()>>,
    of_main: Arc<PartWaker>,
    of_future: Arc<PartWaker>,
    task: Arc<TaskWaker>,
}

/// Wakes the task, unless it runs.
#[derive(Default)]
struct TaskWaker {
    task: AtomicWaker,
    is_polled: AtomicBool,
}

/// Wakes one of both.
struct PartWaker {
    is_woken: AtomicBool,
    task: Arc<TaskWaker>,
}

impl Wake for PartWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The task looks at `is_woken` after it has set `is_polled` to false, so that one of both sees the other.
        if !self.is_woken.swap(true, Ordering::SeqCst) && !self.task.is_polled.load(Ordering::SeqCst) {
            self.task.task.wake();
        }
    }
}

impl PartWaker {
    /// Makes the waker of a part that was not polled yet.
    fn new(task: &Arc<TaskWaker>) -> Arc<Self> {
        Arc::new(Self { is_woken: AtomicBool::new(true), task: task.clone() })
    }

    /// Polls the part if it was woken.
    fn poll<F: Future + ?Sized>(self: &Arc<Self>, part: Pin<&mut F>) -> Poll<F::Output> {
        if !self.is_woken.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        part.poll(&mut Context::from_waker(&Waker::from(self.clone())))
    }
}

impl Beside {
    pub(crate) fn new(future: BoxFuture<'static, ()>) -> Self {
        let task = Arc::new(TaskWaker::default());
        Self { future: Some(future), of_main: PartWaker::new(&task), of_future: PartWaker::new(&task), task }
    }

    /// Polls the main future, and the one beside it, until both wait for something else. Each is polled only if it was woken:
    /// the main future is the same each time.
    pub(crate) fn poll<F: Future>(&mut self, mut main: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.task.task.register(cx.waker());
        self.task.is_polled.store(true, Ordering::SeqCst);
        for _ in 0..TURNS {
            if let Some(future) = &mut self.future
                && self.of_future.poll(future.as_mut()).is_ready()
            {
                self.future = None;
            }
            if let Poll::Ready(output) = self.of_main.poll(main.as_mut()) {
                return Poll::Ready(output);
            }
            if !self.is_woken() || !coop::has_budget_remaining() {
                break;
            }
        }
        self.task.is_polled.store(false, Ordering::SeqCst);
        if self.is_woken() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn is_woken(&self) -> bool {
        self.of_main.is_woken.load(Ordering::SeqCst)
            || (self.future.is_some() && self.of_future.is_woken.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use tokio::sync::mpsc;

    use super::*;

    async fn run<F: Future>(main: F, future: impl Future<Output = ()> + Send + 'static) -> F::Output {
        let (mut main, mut beside) = (Box::pin(main), Beside::new(future.boxed()));
        std::future::poll_fn(|cx| beside.poll(main.as_mut(), cx)).await
    }

    #[tokio::test]
    async fn both_take_turns_any_number_of_times() {
        let (there, mut here) = mpsc::channel(1);
        let (back, mut answers) = mpsc::channel(1);
        let main = async move {
            let mut sum = 0;
            for number in 0..10_000_u64 {
                there.send(number).await.ok();
                sum += answers.recv().await.unwrap_or_default();
            }
            sum
        };
        let sum = run(main, async move {
            while let Some(number) = here.recv().await {
                back.send(number).await.ok();
                if number % 1000 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        });
        assert_eq!(sum.await, 49_995_000);
    }

    #[tokio::test]
    async fn each_is_woken_by_timers_and_other_tasks() {
        let (sender, mut receiver) = mpsc::channel(1);
        let main = async move { receiver.recv().await };
        let received = run(main, async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            tokio::spawn(async move { sender.send(7).await.ok() });
        });
        assert_eq!(received.await, Some(7));
    }
}
