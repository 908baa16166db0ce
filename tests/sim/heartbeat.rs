//! Heartbeats, acknowledgements, zombies, latency. Conformance 27 to 37.

use std::time::Duration;

use shardwire::{
    proto::{Event, Fault, Instant, Opcode, Status},
    testing::{self, GatewayOptions, Heard, Host, Sent, Server, World},
};

use crate::support::*;

/// When heartbeats left, in milliseconds.
fn beats<S: Server>(world: &World<S>) -> Vec<u128> {
    world.sent(Opcode::HEARTBEAT).iter().map(|sent| millis(sent.at)).collect()
}

/// What heartbeats carried.
fn carried<S: Server>(world: &World<S>) -> Vec<&str> {
    world.sent(Opcode::HEARTBEAT).into_iter().map(Sent::data).collect()
}

fn every(secs: u64) -> GatewayOptions {
    GatewayOptions { heartbeat_interval: Duration::from_secs(secs), ..options() }
}

#[test]
fn the_interval_is_milliseconds_from_hello_and_kept_exactly() {
    for millis in [30_000, 41_250, 45_000] {
        let interval = Duration::from_millis(millis);
        let options = GatewayOptions { heartbeat_interval: interval, ..options() };
        let mut world = ready_with(options, config());
        world.pass(600);
        let beats = beats(&world);
        assert!(beats.len() > 10);
        assert!(beats.windows(2).all(|pair| pair[1] - pair[0] == u128::from(millis)), "{beats:?}");
        assert_eq!(world.info().heartbeat.interval, Some(interval));
    }
}

#[test]
fn the_first_beat_comes_at_a_random_moment_within_the_interval() {
    let firsts: Vec<u128> = (0..50)
        .map(|seed| {
            let mut world = World::new(every(40), config()).seed(seed);
            world.start();
            world.pass(41);
            beats(&world)[0] - 40
        })
        .collect();
    assert!(firsts.iter().all(|first| *first < 40_000), "{firsts:?}");
    assert!(firsts.iter().any(|first| *first < 10_000), "{firsts:?}");
    assert!(firsts.iter().any(|first| *first > 30_000), "{firsts:?}");
}

#[test]
fn a_heartbeat_carries_null_before_the_first_dispatch_and_then_the_newest_sequence() {
    let mut world = by_hand(|heard, line| {
        if !matches!(heard, Heard::Message(Opcode::IDENTIFY, _)) {
            polite(heard, line);
        }
    });
    world.pass(1);
    let ask = r#"{"op":1,"d":null}"#;
    say(&mut world, ask);
    say(&mut world, READY);
    say(&mut world, ask);
    say(&mut world, dispatch("A", 2));
    say(&mut world, dispatch("B", 7));
    say(&mut world, ask);
    assert_eq!(carried(&world), ["null", "1", "7"]);
}

#[test]
fn what_a_requested_heartbeat_says_is_not_taken_for_a_sequence() {
    let mut world = polite_and_ready();
    say(&mut world, r#"{"op":1,"d":251,"s":9}"#);
    assert_eq!(carried(&world), ["1"]);
}

#[test]
fn silence_for_one_interval_is_a_zombie_that_is_left_without_waiting_further() {
    let mut world = ready_with(every(40), config());
    world.pass(41);
    assert_names(&mut world, &[&["heartbeat"]]);
    world.half_open();
    let newest = *beats(&world).last().expect("one");
    world.until(100, |world| !faults(world).is_empty());
    assert_eq!(faults(&world), [Fault::Zombie]);
    // One beat went into the void, and one interval later it is over.
    assert_eq!(millis(world.now()), newest + 80_000);
    assert_eq!(beats(&world).len(), 2);
    world.until_ready();
    let lost = ["disconnected zombie resume/resume"];
    assert_names(&mut world, &[&lost, BACK, &["RESUMED 2", "resumed 0", "status ready"]]);
    assert_eq!(world.close_codes(), [4000]);
    assert_eq!(world.shard(0).closed()[0].at, world.shard(0).timed_events()[7].0);
}

#[test]
fn acknowledgements_that_queue_behind_data_are_excused_a_few_times_but_not_for_ever() {
    let mut world = ready_with(every(40), config());
    world.inject(testing::Fault::NoAcks { times: 100 });
    for _ in 0..30 {
        world.pass(10);
        world.emit("TYPING_START", "{}");
    }
    assert_eq!(faults(&world), [Fault::Zombie]);
    let lost_at = world
        .shard(0)
        .timed_events()
        .iter()
        .find(|(_, event)| matches!(event, Event::Disconnected { .. }))
        .map(|(at, _)| millis(*at));
    // The first beat, three that were excused, and the moment at which the next was due.
    assert_eq!(lost_at, Some(beats(&world)[0] + 4 * 40_000));
}

#[test]
fn a_new_connection_owes_no_acknowledgement_of_the_old_one() {
    let mut world = ready_with(every(40), config());
    world.inject(testing::Fault::NoAcks { times: 1 });
    world.until(60, |world| !world.sent(Opcode::HEARTBEAT).is_empty());
    world.cut();
    world.until_ready();
    world.pass(600);
    assert_eq!(world.hosts(), [Host::Base, Host::Resume]);
    assert_eq!(world.status(), Status::Ready);
}

#[test]
fn latency_is_unknown_before_the_first_acknowledgement_and_then_what_it_took() {
    let mut world = ready_with(every(40), config());
    world.delay(150);
    let before = world.info().heartbeat;
    assert_eq!((before.last, before.average, before.is_acked), (None, None, true));
    world.until(60, |world| !world.sent(Opcode::HEARTBEAT).is_empty());
    assert!(!world.info().heartbeat.is_acked);
    world.pass(1);
    let after = world.info().heartbeat;
    let took = Some(Duration::from_millis(300));
    assert_eq!((after.last, after.average, after.is_acked), (took, took, true));
    let told = world.take_events();
    assert_eq!(told, [Event::HeartbeatAcked { round_trip: Duration::from_millis(300) }]);
}

#[test]
fn latency_keeps_the_mean_and_the_last_five() {
    let mut world = ready_with(every(40), config());
    for millis in 1..=7 {
        world.delay(millis * 10);
        world.pass(40);
    }
    let latency = world.info().heartbeat;
    let trips = [140, 120, 100, 80, 60].map(Duration::from_millis);
    assert_eq!(latency.history, trips);
    assert_eq!(latency.last, Some(trips[0]));
    assert_eq!(latency.average, Some(Duration::from_millis(80)));
}

#[test]
fn latency_starts_anew_on_a_new_connection() {
    let mut world = ready_with(every(40), config());
    world.pass(100);
    world.cut();
    world.until_ready();
    let latency = world.info().heartbeat;
    assert_eq!((latency.last, latency.average, latency.history), (None, None, vec![]));
}

#[test]
fn acknowledgements_that_nobody_asked_for_are_harmless() {
    let mut world = polite_and_ready();
    for ack in [ACK, r#"{"op":11}"#, r#"{"op":11,"d":{}}"#] {
        say(&mut world, ack);
    }
    assert_names(&mut world, &[]);
    assert_eq!(world.info().heartbeat.last, None);
    world.pass(400);
    assert_eq!(world.names(), vec!["heartbeat"; 10]);
}

#[test]
fn a_requested_heartbeat_leaves_at_once_and_does_not_shift_the_others() {
    let mut asked = ready_with(every(40), config());
    let mut alone = ready_with(every(40), config());
    asked.pass(10);
    asked.inject(testing::Fault::HeartbeatRequest);
    asked.pass_ms(20);
    assert_eq!(beats(&asked).last().copied(), Some(millis(asked.now())));
    asked.pass(600);
    alone.pass_ms(610_020);
    let requested = beats(&asked);
    let others: Vec<u128> = requested.into_iter().filter(|at| *at != 10_100).collect();
    assert_eq!(others, beats(&alone));
}

#[test]
fn requested_heartbeats_without_their_own_acknowledgement_make_no_zombie() {
    let mut world = by_hand(|heard, line| match heard {
        // One acknowledgement for two beats that come together.
        Heard::Message(Opcode::HEARTBEAT, data) if data == "5" => {}
        _ => polite(heard, line),
    });
    world.until_ready();
    world.names();
    say(&mut world, dispatch("A", 5));
    for _ in 0..3 {
        say(&mut world, r#"{"op":1}"#);
    }
    say(&mut world, dispatch("A", 6));
    world.pass(600);
    assert_eq!(faults(&world), []);
}

#[test]
fn heartbeats_do_not_wait_behind_commands() {
    let mut world = ready_with(every(40), config());
    let command = shardwire::proto::Command::raw(Opcode(31), r#"{"guild_ids":[]}"#).expect("JSON");
    for _ in 0..3 {
        for _ in 0..100 {
            let _ = world.send(&command);
        }
        world.pass(20);
    }
    world.pass(240);
    let beats = beats(&world);
    assert!(beats.windows(2).all(|pair| pair[1] - pair[0] == 40_000), "{beats:?}");
    assert_eq!(violations(&world), [""; 0]);
    assert_eq!(faults(&world), []);
}

#[test]
fn heartbeats_end_with_the_connection() {
    let mut world = ready_with(every(40), config());
    world.pass(50);
    world.input(shardwire::proto::Input::Pause);
    let before = beats(&world).len();
    world.pass(3600);
    assert_eq!(beats(&world).len(), before);
    assert_eq!(world.shard(0).wakes_at(), None);
    world.start();
    world.until_ready();
    world.pass(50);
    assert!(beats(&world).len() > before);
}

#[test]
fn heartbeats_go_on_while_ready_is_awaited() {
    let mut world = World::new(every(10), config());
    world.inject(testing::Fault::NeverReady { times: 1 });
    world.start();
    world.pass(29);
    assert_eq!(world.status(), Status::Identifying);
    assert!((2..=3).contains(&beats(&world).len()));
}

#[test]
fn heartbeats_go_on_while_the_turn_to_identify_is_awaited() {
    let options = GatewayOptions { shards: 9, ..every(10) };
    let mut world = World::new(options, config().shard(0, 9));
    for number in 1..9 {
        world = world.and_shard(config().shard(number, 9).build().expect("valid"));
    }
    world.start();
    world.pass(39);
    let last = world.shard(8);
    assert_eq!(last.status(), Status::AwaitingIdentify);
    let beats: Vec<&str> = last.sends().iter().map(Sent::data).collect();
    assert!(beats.len() >= 3 && beats.iter().all(|beat| *beat == "null"), "{beats:?}");
    world.until_ready();
}

#[test]
fn a_late_timer_sends_its_beat_late_and_the_connection_lives() {
    // Browsers wake a hidden page once a minute.
    let mut world = polite_and_ready();
    for _ in 0..30 {
        world.suspend(60);
        world.pass_ms(500);
    }
    assert_eq!(faults(&world), []);
    assert!(beats(&world).len() >= 29);
}

#[test]
fn a_timer_that_is_later_than_an_interval_gives_the_server_a_moment_to_answer() {
    for secs in [79, 80, 81, 100, 600] {
        let mut world = polite_and_ready();
        world.until(60, |world| !world.sent(Opcode::HEARTBEAT).is_empty());
        world.pass(1);
        let before = beats(&world).len();
        world.suspend(secs);
        world.pass(10);
        assert_eq!(faults(&world), [], "after {secs} s\n{}", world.story());
        assert!(beats(&world).len() > before);
    }
}

#[test]
fn a_computer_that_slept_finds_its_dead_connection_within_an_interval_and_resumes() {
    let mut world = ready_with(every(40), config());
    world.pass(100);
    world.half_open();
    world.suspend(60);
    let woken = world.now();
    world.until(60, |world| !faults(world).is_empty());
    assert!(world.now().saturating_since(woken) <= Duration::from_secs(40));
    world.until_ready();
    assert_eq!(world.hosts(), [Host::Base, Host::Resume]);
}

#[test]
fn a_message_that_waited_behind_a_late_timer_is_proof_of_life() {
    let mut world = by_hand(|heard, line| {
        if !matches!(heard, Heard::Message(Opcode::HEARTBEAT, _)) {
            polite(heard, line);
        }
    });
    world.until_ready();
    world.until(60, |world| !world.sent(Opcode::HEARTBEAT).is_empty());
    world.pass(39);
    world.server_mut().line().text(dispatch("A", 2));
    world.suspend(5);
    world.pass(1);
    assert_eq!(faults(&world), []);
}

#[test]
fn a_close_that_waited_behind_a_late_timer_is_told_as_what_it_is() {
    let mut world = by_hand(|heard, line| match heard {
        Heard::Message(Opcode::HEARTBEAT, _) => line.close(4004, "reset"),
        heard => polite(heard, line),
    });
    world.until_ready();
    world.until(60, |world| !world.sent(Opcode::HEARTBEAT).is_empty());
    // The beat reaches the server, which closes; the process is held up for a while.
    world.pass_ms(30);
    world.suspend(60);
    world.pass(1);
    let fault = faults(&world).remove(0);
    assert!(matches!(fault, Fault::Closed(ref close) if close.code == 4004), "{fault:?}");
    assert_eq!(world.status(), Status::Stopped);
}

#[test]
fn a_clock_that_runs_backwards_is_a_clock_that_stands_still() {
    let config = config().build().expect("valid");
    let mut machine = shardwire::proto::ShardMachine::new(config, 1);
    let at = |secs| Instant::from_epoch(Duration::from_secs(secs));
    machine.handle(shardwire::proto::Input::Start, at(100));
    while !matches!(machine.poll_output(), shardwire::proto::Output::Wait(_)) {}
    machine.handle(shardwire::proto::Input::TimePassed, at(1));
    let shardwire::proto::Output::Wait(wake) = machine.poll_output() else { panic!("nothing new") };
    assert_eq!(wake.at, Some(at(115)));
}
