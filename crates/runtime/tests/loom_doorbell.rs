//! Shows that no ring is lost and none is answered twice, whatever the threads' order.
//! The doorbell is compiled with loom's locks and atomics; loom tries every order, of three threads
//! those with at most three preemptions.

#![allow(dead_code, reason = "the driver uses more of the doorbell than this test")]

#[path = "../src/doorbell.rs"]
mod doorbell;

/// What the doorbell takes from the crate, from loom.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }
}

use std::task::Context;

use doorbell::{Doorbell, Queued, Visits};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// A connection as far as this test is concerned: its mark, and what a call changed.
struct Cell {
    queued: Queued,
    state: Mutex<u32>,
}

type Bell = Doorbell<usize, u32>;

/// The driver's side: takes what was rung for and visits it, until `done` says that all was seen.
async fn drive(bell: &Bell, cells: &[Cell], mut done: impl FnMut(&[u32], usize) -> bool) {
    let mut seen = vec![0; cells.len()];
    let mut requests = 0;
    std::future::poll_fn(|cx: &mut Context<'_>| {
        let mut visits = Visits::new();
        bell.take_visits(cx, &mut visits);
        for id in visits.connections {
            cells[id].queued.clear();
            seen[id] = *sync::lock(&cells[id].state);
        }
        requests += visits.requests.len();
        if done(&seen, requests) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

fn cells(count: usize) -> Arc<Vec<Cell>> {
    let cell = |_| Cell { queued: Queued::new(), state: Mutex::new(0) };
    Arc::new((0..count).map(cell).collect())
}

/// A stream's side: changes the connection, and rings after it let go of the lock.
fn change(bell: &Bell, cells: &[Cell], id: usize) {
    *sync::lock(&cells[id].state) += 1;
    bell.ring(&cells[id].queued, id);
}

#[test]
fn a_change_of_either_of_two_threads_is_seen() {
    // Without a bound it takes minutes.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (bell, cells) = (Arc::new(Bell::new()), cells(1));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (bell, cells) = (Arc::clone(&bell), Arc::clone(&cells));
                thread::spawn(move || change(&bell, &cells, 0))
            })
            .collect();
        // If a ring were lost, the driver would sleep for ever, which loom reports as a deadlock.
        loom::future::block_on(drive(&bell, &cells, |seen, _| seen[0] == 2));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn every_change_of_one_thread_is_seen() {
    loom::model(|| {
        let (bell, cells) = (Arc::new(Bell::new()), cells(1));
        let thread = {
            let (bell, cells) = (Arc::clone(&bell), Arc::clone(&cells));
            thread::spawn(move || {
                change(&bell, &cells, 0);
                change(&bell, &cells, 0);
            })
        };
        loom::future::block_on(drive(&bell, &cells, |seen, _| seen[0] == 2));
        thread.join().unwrap();
    });
}

#[test]
fn two_connections_and_a_request_are_all_attended_to() {
    loom::model(|| {
        let (bell, cells) = (Arc::new(Bell::new()), cells(2));
        let thread = {
            let (bell, cells) = (Arc::clone(&bell), Arc::clone(&cells));
            thread::spawn(move || {
                change(&bell, &cells, 0);
                bell.ask(7).unwrap();
                change(&bell, &cells, 1);
            })
        };
        loom::future::block_on(drive(&bell, &cells, |seen, requests| {
            seen == [1, 1] && requests == 1
        }));
        thread.join().unwrap();
    });
}

#[test]
fn a_connection_is_on_the_list_at_most_once() {
    loom::model(|| {
        let (bell, cells) = (Arc::new(Bell::new()), cells(1));
        let thread = {
            let (bell, cells) = (Arc::clone(&bell), Arc::clone(&cells));
            thread::spawn(move || change(&bell, &cells, 0))
        };
        change(&bell, &cells, 0);
        thread.join().unwrap();
        let waker = futures::task::noop_waker();
        let mut visits = Visits::new();
        bell.take_visits(&mut Context::from_waker(&waker), &mut visits);
        assert_eq!(visits.connections, [0]);
    });
}

#[test]
fn whoever_asks_a_door_that_was_closed_is_told() {
    loom::model(|| {
        let bell = Arc::new(Bell::new());
        let thread = {
            let bell = Arc::clone(&bell);
            thread::spawn(move || bell.ask(7).is_ok())
        };
        let left = bell.close();
        let was_taken = thread.join().unwrap();
        // Either it was there when the door closed, or its sender knows; and never both.
        assert_eq!(was_taken, left == [7]);
    });
}
