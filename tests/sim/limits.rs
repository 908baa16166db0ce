//! The send limit and the identify ledger. Conformance 50 to 52, and 56 to 59 as far as one process goes.

use std::time::Duration;

use shardwire::{
    proto::{
        Command, CommandError, Opcode, Presence, Priority, SendOptions, SessionStartLimit, Status,
        When,
    },
    testing::{self, GatewayOptions, World},
};

use crate::support::*;

const SOUNDS: Opcode = Opcode::REQUEST_SOUNDBOARD_SOUNDS;

fn command(number: usize) -> Command {
    Command::raw(SOUNDS, &format!(r#"{{"guild_ids":["{number}"]}}"#)).expect("JSON")
}

fn with_interval(millis: u64) -> World {
    let heartbeat_interval = Duration::from_millis(millis);
    ready_with(GatewayOptions { heartbeat_interval, ..options() }, config())
}

/// Sends so many commands, as the waiting line allows; says how many it took.
fn send(world: &mut World, count: usize) -> usize {
    (0..count).filter(|number| world.send(&command(*number)).is_ok()).count()
}

/// How many messages of all kinds left in the fullest minute.
fn fullest_minute(world: &World) -> usize {
    let sends = world.shard(0).sends();
    let within = |first: usize| {
        let end = sends[first].at + Duration::from_secs(60);
        sends[first..].iter().take_while(|sent| sent.at < end).count()
    };
    (0..sends.len()).map(within).max().unwrap_or_default()
}

#[test]
fn the_budget_is_what_heartbeats_leave() {
    for (millis, limit) in
        [(120_000, 118), (60_000, 118), (42_500, 117), (41_250, 117), (30_000, 117), (29_999, 116)]
    {
        let mut world = with_interval(millis);
        assert_eq!(world.info().commands.limit, limit, "{millis} ms");
        send(&mut world, 100);
        send(&mut world, 100);
        assert_eq!(world.sent(SOUNDS).len(), limit, "{millis} ms");
        assert_eq!(world.info().commands.available, 0);
    }
}

#[test]
fn all_used_up_means_nothing_until_a_whole_minute_has_passed() {
    let mut world = with_interval(45_000);
    let start = world.now();
    assert_eq!(send(&mut world, 200), 200);
    assert_eq!(world.sent(SOUNDS).len(), 117);
    world.pass_ms(59_900);
    assert_eq!(world.sent(SOUNDS).len(), 117);
    let next = world.info().commands.next_in;
    assert!(next > Duration::ZERO && next <= Duration::from_secs(1), "{next:?}");
    world.pass_ms(1_100);
    assert_eq!(world.sent(SOUNDS).len(), 200);
    assert!(world.sent(SOUNDS)[117].at.saturating_since(start) >= Duration::from_secs(60));
    assert_eq!(violations(&world), [""; 0]);
}

#[test]
fn half_used_comes_back_in_halves_and_a_long_idle_lends_nothing() {
    let mut world = with_interval(45_000);
    world.pass(3600);
    send(&mut world, 60);
    world.pass(30);
    assert_eq!(send(&mut world, 150), 150);
    assert_eq!(world.sent(SOUNDS).len(), 117, "an idle hour lends nothing");
    world.pass_ms(31_000);
    assert_eq!(world.sent(SOUNDS).len(), 117 + 60);
    world.pass_ms(30_000);
    assert_eq!(world.sent(SOUNDS).len(), 210);
    assert!(fullest_minute(&world) <= 120);
}

#[test]
fn waiting_commands_leave_in_order_when_the_limit_allows() {
    let mut world = with_interval(45_000);
    for round in 0..5 {
        for number in 0..100 {
            world.send(&command(round * 100 + number)).expect("room");
        }
        world.pass(60);
    }
    world.pass(120);
    let numbers: Vec<String> =
        world.sent(SOUNDS).iter().map(|sent| sent.data().to_owned()).collect();
    let expected: Vec<String> =
        (0..500).map(|number| format!(r#"{{"guild_ids":["{number}"]}}"#)).collect();
    assert_eq!(numbers, expected);
    assert!(fullest_minute(&world) <= 120);
    assert_eq!(violations(&world), [""; 0]);
}

#[test]
fn the_line_of_waiting_commands_is_bounded_and_says_so() {
    let mut world = world();
    for number in 0..100 {
        assert_eq!(world.send(&command(number)), Ok(()));
    }
    assert_eq!(world.send(&command(100)), Err(CommandError::QueueFull { limit: 100 }));
    assert_eq!(world.info().commands.waiting, 100);
    world.start();
    world.until_ready();
    assert_eq!(world.info().commands.waiting, 0);
    assert_eq!(world.send(&command(101)), Ok(()));
}

#[test]
fn closing_releases_what_waits() {
    let mut world = with_interval(45_000);
    send(&mut world, 200);
    world.close(false);
    world.until_stopped();
    world.pass(120);
    assert_eq!(world.sent(SOUNDS).len(), 117);
    assert_eq!(world.send(&command(0)), Err(CommandError::Stopped));
}

#[test]
fn each_connection_has_a_budget_of_its_own_and_commands_survive_the_change() {
    let mut world = with_interval(45_000);
    send(&mut world, 200);
    world.cut();
    world.until_ready();
    world.pass(1);
    assert_eq!(world.sent(SOUNDS).len(), 200);
    let connection = world.shard(0).opened()[1].connection;
    let there = world.sent(SOUNDS).iter().filter(|sent| sent.connection == connection).count();
    assert_eq!(there, 83);
    assert_eq!(violations(&world), [""; 0]);
}

#[test]
fn a_user_who_sends_as_much_as_possible_for_an_hour_never_breaks_the_limit() {
    for millis in [10_000, 41_250] {
        let mut world = with_interval(millis);
        world.jitter(200);
        for _ in 0..3600 {
            while world.send(&command(1)).is_ok() {}
            world.pass(1);
        }
        assert!(fullest_minute(&world) <= 120, "{}", fullest_minute(&world));
        assert_eq!(violations(&world), [""; 0]);
        assert_eq!(faults(&world), []);
        let minutes = world.sent(SOUNDS).len() / 60;
        assert!(minutes >= 105, "{minutes} a minute");
    }
}

fn shards(total: u32, max_concurrency: u32) -> World {
    let options = GatewayOptions { max_concurrency, ..options() };
    let mut world = World::new(options, config().shard(0, total));
    for number in 1..total {
        world = world.and_shard(config().shard(number, total).build().expect("valid"));
    }
    world
}

fn identified_at(world: &World, shard: usize) -> u128 {
    let sends = world.shard(shard).sends();
    let identify = sends.iter().find(|sent| sent.op == Opcode::IDENTIFY);
    millis(identify.expect("identified").at)
}

#[test]
fn shards_of_one_bucket_identify_five_seconds_apart_and_buckets_do_not_wait_for_each_other() {
    let mut world = shards(6, 2);
    world.start();
    world.until_ready();
    let times: Vec<u128> = (0..6).map(|shard| identified_at(&world, shard)).collect();
    assert_eq!(times[0..2], [40, 40]);
    for bucket in [[0, 2, 4], [1, 3, 5]] {
        for pair in bucket.windows(2) {
            let gap = times[pair[1]] - times[pair[0]];
            assert!((5_000..5_500).contains(&gap), "{times:?}");
        }
    }
    assert_eq!(violations(&world), [""; 0]);
}

#[test]
fn a_bucket_that_rested_longer_than_five_seconds_is_free_at_once() {
    let mut world = ready();
    world.pass(60);
    world.inject(testing::Fault::Close { code: 4009, reason: String::new() });
    world.until(60, |world| world.sent(Opcode::IDENTIFY).len() == 2);
    let opened = world.shard(0).opened()[1].at;
    assert_eq!(millis(world.now()), millis(opened) + 40);
}

#[test]
fn shards_in_line_never_use_more_identifies_than_are_left() {
    let limit = SessionStartLimit {
        remaining: 2,
        reset_after_ms: 3_600_000,
        ..SessionStartLimit::default()
    };
    let mut world = shards(4, 1).limit(limit);
    world.start();
    world.pass(120);
    let all: usize = (0..4)
        .map(|shard| world.shard(shard).sends())
        .map(|sends| sends.iter().filter(|sent| sent.op == Opcode::IDENTIFY).count())
        .sum();
    assert_eq!(all, 2, "one more makes Discord reset the token");
    let stopped = (0..4).filter(|shard| world.shard(*shard).status() == Status::Stopped).count();
    assert_eq!(stopped, 2);
}

#[test]
fn a_connection_that_is_lost_while_it_waits_for_its_turn_takes_no_turn_from_others() {
    let mut world = shards(2, 1);
    world.start();
    // The second shard's connection is lost again and again before its turn comes.
    world.until(1, |world| world.shard(1).status() == Status::AwaitingIdentify);
    for _ in 0..3 {
        world.input_to_shard(1, shardwire::proto::Input::Reconnect);
        world.pass_ms(200);
    }
    world.until_ready();
    assert!(identified_at(&world, 1) < 12_000, "{}", identified_at(&world, 1));
}

#[test]
fn resumes_take_no_turn_and_no_budget() {
    let mut world = shards(3, 1);
    world.start();
    world.until_ready();
    let left = world.slots().remaining();
    world.cut();
    world.pass(3);
    assert!((0..3).all(|shard| world.shard(shard).status() == Status::Ready));
    assert_eq!(world.slots().remaining(), left);
}

#[test]
fn the_ledger_counts_what_the_gateway_counts() {
    let options = GatewayOptions { session_starts: 5, ..options() };
    let mut world = World::new(options, config());
    world.start();
    for _ in 0..4 {
        world.until_ready();
        world.inject(testing::Fault::Close { code: 4009, reason: String::new() });
        world.pass(20);
    }
    assert_eq!(world.slots().remaining(), 0);
    world.inject(testing::Fault::Close { code: 4009, reason: String::new() });
    world.until_stopped();
    assert_eq!(world.names().last().map(String::as_str), Some("stopped identify-budget-spent"));
    assert_eq!(violations(&world), [""; 0], "the token is not reset");
}

#[test]
fn turns_that_all_passed_while_the_process_slept_are_still_five_seconds_apart() {
    let mut world = shards(4, 1);
    world.start();
    world.pass(1);
    world.suspend(60);
    world.until_ready();
    let mut times: Vec<u128> = (0..4).map(|shard| identified_at(&world, shard)).collect();
    times.sort_unstable();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 5_000), "{times:?}");
    assert_eq!(violations(&world), [""; 0]);
}

// How a command waits for its turn.

fn presence() -> Command {
    Command::UpdatePresence(Presence::default())
}

fn outcomes(world: &World) -> Vec<Result<(), CommandError>> {
    world.shard(0).settled().iter().map(|(_, outcome)| outcome.clone()).collect()
}

#[test]
fn presences_keep_within_five_in_twenty_seconds_and_let_others_pass() {
    let mut world = ready();
    for _ in 0..12 {
        world.send(&presence()).expect("room");
    }
    world.send(&command(1)).expect("room");
    world.pass(1);
    assert_eq!(world.sent(Opcode::PRESENCE_UPDATE).len(), 5);
    assert_eq!(world.sent(SOUNDS).len(), 1);
    let commands = world.info().commands;
    assert_eq!((commands.presences, commands.waiting), (0, 7));
    assert!(commands.next_presence_in > Duration::from_secs(19));
    world.cut();
    world.until_ready();
    world.pass(60);
    assert_eq!(world.sent(Opcode::PRESENCE_UPDATE).len(), 12);
    assert_eq!(violations(&world), [""; 0]);
}

#[test]
fn a_command_that_may_not_wait_is_sent_or_refused_at_once() {
    let now = SendOptions { when: When::Now, ..SendOptions::default() };
    let mut world = World::new(options(), config());
    assert_eq!(world.send_with(&command(1), now), Err(CommandError::NotNow { retry_in: None }));
    world.start();
    world.until_ready();
    let ticket = world.send_with(&command(2), now).expect("there is room");
    assert_eq!(world.shard(0).settled(), [(ticket, Ok(()))]);
    send(&mut world, 100);
    send(&mut world, 100);
    let Err(CommandError::NotNow { retry_in: Some(wait) }) = world.send_with(&command(3), now)
    else {
        panic!("the limit is used up")
    };
    assert!(wait > Duration::from_secs(58) && wait < Duration::from_secs(62), "{wait:?}");
    assert_eq!(world.info().commands.waiting, 200 + 1 - 117);
}

#[test]
fn a_presence_that_may_not_wait_is_told_when_it_could_go() {
    let now = SendOptions { when: When::Now, ..SendOptions::default() };
    let mut world = ready();
    for _ in 0..5 {
        world.send_with(&presence(), now).expect("there is room");
    }
    let refused = world.send_with(&presence(), now);
    let Err(CommandError::NotNow { retry_in: Some(wait) }) = refused else { panic!("{refused:?}") };
    assert!(wait > Duration::from_secs(19) && wait < Duration::from_secs(22), "{wait:?}");
}

#[test]
fn a_command_with_a_deadline_is_sent_in_time_or_taken_out_of_the_line() {
    let within = |secs| SendOptions {
        when: When::Within(Duration::from_secs(secs)),
        ..SendOptions::default()
    };
    let mut world = World::new(options(), config());
    let late = world.send_with(&command(1), within(10)).expect("room");
    let timely = world.send_with(&command(2), within(100)).expect("room");
    world.pass(11);
    assert_eq!(world.shard(0).settled(), [(late, Err(CommandError::Expired))]);
    world.start();
    world.until_ready();
    world.pass(1);
    assert_eq!(world.shard(0).settled()[1..], [(timely, Ok(()))]);
    assert_eq!(world.sent(SOUNDS).len(), 1);
}

#[test]
fn a_deadline_wakes_a_shard_that_waits_for_nothing_else() {
    let mut world = World::new(options(), config());
    let options =
        SendOptions { when: When::Within(Duration::from_secs(5)), ..SendOptions::default() };
    world.send_with(&command(1), options).expect("room");
    world.pass(6);
    assert_eq!(outcomes(&world), [Err(CommandError::Expired)]);
}

#[test]
fn high_priority_goes_before_all_that_waits() {
    let high = SendOptions { priority: Priority::High, ..SendOptions::default() };
    let mut world = World::new(options(), config());
    world.send(&command(1)).expect("room");
    world.send_with(&command(2), high).expect("room");
    world.send(&command(3)).expect("room");
    world.start();
    world.until_ready();
    world.pass(1);
    let order: Vec<_> = world
        .sent(SOUNDS)
        .iter()
        .map(|sent| sent.text.chars().filter(char::is_ascii_digit).collect::<String>())
        .collect();
    assert_eq!(order, ["312", "311", "313"], "the opcode and the number");
}

#[test]
fn a_command_can_be_taken_back_while_it_waits() {
    let mut world = World::new(options(), config());
    let ticket = world.send_with(&command(1), SendOptions::default()).expect("room");
    assert!(world.with_machine(|machine| machine.cancel(ticket)));
    assert!(!world.with_machine(|machine| machine.cancel(ticket)));
    assert_eq!(outcomes(&world), [Err(CommandError::Cancelled)]);
    world.start();
    world.until_ready();
    world.pass(1);
    assert_eq!(world.sent(SOUNDS).len(), 0);
}

#[test]
fn a_command_that_left_late_is_told_of() {
    let mut world = World::new(options(), config());
    world.send(&command(1)).expect("room");
    world.pass(11);
    world.start();
    world.until_ready();
    world.pass(1);
    assert!(world.names().contains(&"notice slow-send".to_owned()));
}
