//! The actor of a revision.

#![allow(clippy::unwrap_used, clippy::panic)]

use crate::revision::dispatcher::*;

fn run(instances: u32, queue: u32) -> Run {
    Run { instances: instances.try_into().unwrap(), queue, ..Run::default() }
}

async fn dispatcher(run: Run) -> Arc<Dispatcher<u32>> {
    let memory = ByteBudget::of_process(u64::MAX);
    Dispatcher::start("test".to_owned(), &ActorSystem::new(), &run, &memory).await.unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[tokio::test]
async fn an_instance_given_back_is_lent_again() {
    let dispatcher = dispatcher(run(1, 1)).await;
    let mut lease = dispatcher.lease(soon(), 0, None).await.unwrap();
    assert!(lease.take_instance().is_none(), "the first one is to be made");
    lease.give_back(Box::new(7));
    assert_eq!(dispatcher.lease(soon(), 0, None).await.unwrap().take_instance().as_deref(), Some(&7));
}

#[tokio::test]
async fn a_dropped_lease_frees_its_place_without_its_instance() {
    let dispatcher = dispatcher(run(1, 1)).await;
    let mut lease = dispatcher.lease(soon(), 0, None).await.unwrap();
    lease.take_instance();
    drop(lease);
    let mut lease = dispatcher.lease(soon(), 0, None).await.unwrap();
    assert!(lease.take_instance().is_none());
    assert_eq!(dispatcher.counts().await, PoolCounts { lent: 1, idle: 0, waiting: 0 });
}

#[tokio::test]
async fn calls_beyond_the_queue_are_refused_at_once() {
    let dispatcher = dispatcher(run(1, 1)).await;
    let _lent = dispatcher.lease(soon(), 0, None).await.unwrap();
    let waiting = tokio::spawn({
        let dispatcher = dispatcher.clone();
        async move { dispatcher.lease(soon(), 0, None).await.map(drop) }
    });
    while dispatcher.counts().await.waiting == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(dispatcher.lease(soon(), 0, None).await.unwrap_err(), LeaseError::Full { instances: 1, waiting: 1 });
    drop(_lent);
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_place_granted_to_a_call_that_left_comes_back() {
    let dispatcher = dispatcher(run(1, 1)).await;
    {
        let mut lease = std::pin::pin!(dispatcher.lease(soon(), 0, None));
        assert!(futures_util::poll!(&mut lease).is_pending());
        // Granted by now, and never looked at.
        assert_eq!(dispatcher.counts().await.lent, 1);
    }
    assert_eq!(dispatcher.counts().await, PoolCounts::default());
}

/// A message whose handler panics: coerce ends the actor without a word.
struct Panic;

impl Message for Panic {
    type Result = ();
}

#[async_trait::async_trait]
impl Handler<Panic> for RevisionActor<u32> {
    async fn handle(&mut self, _: Panic, _: &mut ActorContext) {
        panic!("on purpose");
    }
}

#[tokio::test]
async fn a_dead_actor_is_replaced_by_the_next_call() {
    let dispatcher = dispatcher(run(1, 1)).await;
    let lent = dispatcher.lease(soon(), 0, None).await.unwrap();
    let _ = dispatcher.actor().actor.send(Panic).await;
    let lease = dispatcher.lease(soon(), 0, None).await.unwrap();
    drop(lent);
    drop(lease);
    assert!(dispatcher.lease(soon(), 0, None).await.is_ok());
}

#[tokio::test]
async fn a_place_of_the_reserve_serves_no_call_from_outside() {
    let dispatcher = dispatcher(run(1, 1)).await;
    let outside = dispatcher.lease(soon(), 0, None).await.unwrap();
    dispatcher.lease(soon(), 1, None).await.unwrap().give_back(Box::new(7));
    assert_eq!(dispatcher.counts().await, PoolCounts { lent: 1, idle: 1, waiting: 0 });
    let mut second = std::pin::pin!(dispatcher.lease(soon(), 0, None));
    assert!(futures_util::poll!(&mut second).is_pending());
    drop(outside);
    // The instance is as good as any once the place is one for calls from outside.
    assert_eq!(second.await.unwrap().take_instance().as_deref(), Some(&7));
}

#[tokio::test]
async fn a_place_that_comes_back_while_a_call_waits_is_that_calls() {
    let dispatcher = dispatcher(run(1, 1)).await;
    let lease = dispatcher.lease(soon(), 0, None).await.unwrap();
    let mut waits = std::pin::pin!(dispatcher.lease(soon(), 0, None));
    assert!(futures_util::poll!(&mut waits).is_pending());
    lease.give_back(Box::new(7));
    assert_eq!(waits.await.unwrap().take_instance().as_deref(), Some(&7));
    // No call waits any more.
    dispatcher.lease(soon(), 0, None).await.unwrap().give_back(Box::new(8));
    assert_eq!(dispatcher.counts().await, PoolCounts { lent: 0, idle: 1, waiting: 0 });
}

#[tokio::test]
async fn a_call_whose_deadline_passes_in_the_queue_is_told_so() {
    let dispatcher = dispatcher(run(1, 1)).await;
    let lent = dispatcher.lease(soon(), 0, None).await.unwrap();
    let deadline = Instant::now() + Duration::from_millis(10);
    let waiting = tokio::spawn({
        let dispatcher = dispatcher.clone();
        async move { dispatcher.lease(deadline, 0, None).await.map(drop) }
    });
    while dispatcher.counts().await.waiting == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep_until(deadline).await;
    drop(lent);
    assert_eq!(waiting.await.unwrap().unwrap_err(), LeaseError::Expired);
}

#[tokio::test]
async fn idle_instances_go_while_the_process_is_short_of_memory() {
    let memory = ByteBudget::of_process(100);
    let dispatcher = Dispatcher::start("test".to_owned(), &ActorSystem::new(), &run(2, 1), &memory).await.unwrap();
    let leases = [dispatcher.lease(soon(), 0, None).await.unwrap(), dispatcher.lease(soon(), 0, None).await.unwrap()];
    leases.into_iter().for_each(|lease| lease.give_back(Box::new(7)));
    assert_eq!(dispatcher.counts().await.idle, 2);
    let _held = memory.charge(95).unwrap();
    while dispatcher.counts().await.idle > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_client_leaves_places_in_the_queue_and_its_streams_make_room() {
    let dispatcher = dispatcher(run(4, 4)).await;
    let [greedy, other] = [1, 2].map(|number| Some(IpAddr::from([10, 0, 0, number])));
    let mut streams = Vec::new();
    for _ in 0..4 {
        let lease = dispatcher.lease(soon(), 0, greedy).await.unwrap();
        streams.push((lease, dispatcher.shares().hold(greedy.unwrap())));
    }
    let wait = |client| {
        let dispatcher = dispatcher.clone();
        tokio::spawn(async move { dispatcher.lease(soon(), 0, client).await.map(drop) })
    };
    let mut waiting = Vec::new();
    for number in 1..=3 {
        waiting.push(wait(greedy));
        while dispatcher.counts().await.waiting < number {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(dispatcher.lease(soon(), 0, greedy).await.unwrap_err(), LeaseError::ClientFull { waiting: 3 });
    let served = wait(other);
    let (lease, newest) = streams.pop().unwrap();
    newest.ended().await;
    drop((lease, newest));
    served.await.unwrap().unwrap();
}
