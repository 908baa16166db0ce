//! Addresses, sockets that do not open, messages of the wrong kind, closing. Conformance 1 to 11.

use std::time::Duration;

use shardwire::{
    proto::{
        Close, Command, CommandError, Compression, Config, Event, Fault, Input, Instant, Intents,
        Opcode, Output, ShardMachine, Status, Turn, prometheus,
    },
    testing::{self, ByHand, Heard, Host, World},
};

use crate::support::*;

fn first_url(url: &str, compression: Compression) -> String {
    let config = config().url(url).compression(compression).build().expect("valid");
    let mut world = World::against(ByHand::new(|_, _| {}), config);
    world.start();
    world.opened_urls()[0].to_owned()
}

#[test]
fn connecting_keeps_the_query_and_adds_version_encoding_and_compression() {
    for (given, opened) in [
        ("wss://gateway.mock", "wss://gateway.mock/?v=10&encoding=json"),
        ("wss://gateway.mock/", "wss://gateway.mock/?v=10&encoding=json"),
        ("wss://gateway.mock/a/b?key=1", "wss://gateway.mock/a/b?key=1&v=10&encoding=json"),
        ("wss://gateway.mock?v=6&key=1", "wss://gateway.mock/?key=1&v=10&encoding=json"),
    ] {
        assert_eq!(first_url(given, Compression::None), opened);
        assert_eq!(
            first_url(given, Compression::ZlibStream),
            format!("{opened}&compress=zlib-stream")
        );
    }
}

#[test]
fn another_version_of_the_gateway_can_be_asked_for() {
    let world = ready_with(options(), config().version(9));
    assert_eq!(world.opened_urls(), ["wss://gateway.mock/?v=9&encoding=json"]);
    assert_eq!(world.info().version, 9);
    for version in [0, 8, 11] {
        let error = config().version(version).build().expect_err("not served");
        assert_eq!(error.code(), "bad-options", "{version}");
    }
}

#[test]
fn the_compression_setting_picks_exactly_one_parameter() {
    let base = "wss://gateway.mock/?compress=none-of-ours";
    for compression in [Compression::None, Compression::Payload] {
        let url = first_url(base, compression);
        assert!(!url.contains("-stream"), "{url}");
    }
    for (compression, parameter) in [
        (Compression::ZlibStream, "&compress=zlib-stream"),
        (Compression::ZstdStream, "&compress=zstd-stream"),
    ] {
        let url = first_url(base, compression);
        assert_eq!(url.matches("compress=").count(), 1, "{url}");
        assert!(url.ends_with(parameter), "{url}");
    }
}

#[test]
fn a_message_of_several_mebibytes_is_read() {
    let mut world = ready();
    world.inject(testing::Fault::BigMessage { bytes: 5 << 20 });
    world.pass(1);
    assert_names(&mut world, &[&["MOCK_BIG_MESSAGE 2"]]);
    assert!(world.dispatches()[1].data.len() >= 5 << 20);
}

/// What goes wrong, the event that tells it, and words of its reason.
type Case = (fn(&mut World), &'static str, &'static str);

#[test]
fn a_refused_handshake_a_dead_host_and_a_silent_one_each_become_one_readable_fault() {
    let retry = ["status disconnected", "status connecting"];
    let cases: [Case; 3] = [
        (
            |world| {
                let refuse = testing::Fault::RefuseHandshake { status: 503, host: None, times: 1 };
                world.inject(refuse);
            },
            "disconnected transport identify",
            "HTTP status 503",
        ),
        (|world| world.refuse(None, 1), "disconnected transport identify", "connection refused"),
        (
            |world| world.ignore(None, 1),
            "disconnected no-answer identify",
            "waited too long for the socket to open",
        ),
    ];
    for (trouble, name, reason) in cases {
        let mut world = world();
        trouble(&mut world);
        world.start();
        world.until_ready();
        assert_names(&mut world, &[&["status connecting", name], &retry, &FIRST[1..]]);
        let faults = faults(&world);
        assert!(faults[0].to_string().contains(reason), "{}", faults[0]);
        assert_eq!(world.server().state().connections, 1, "everything else is closed");
    }
}

#[test]
fn whatever_ends_a_connection_while_it_opens_frees_the_socket() {
    for wish in WISHES {
        let mut world = world();
        world.start();
        world.pass_ms(30);
        assert_eq!(world.status(), Status::Connecting);
        world.input(wish.clone());
        world.pass(30);
        let (connections, is_over) = (world.server().state().connections, wish != Input::Start);
        match wish {
            Input::Start | Input::Reconnect => assert_eq!(connections, 1),
            _ => assert_eq!(connections, 0, "{wish:?}"),
        }
        if is_over {
            assert_eq!(world.shard(0).closed().len(), 1, "{wish:?}");
        }
    }
}

#[test]
fn a_binary_message_without_compression_is_a_fault() {
    let mut world = polite_and_ready();
    world.server_mut().line().binary(*b"{\"op\":11}");
    world.until_ready();
    let lost = ["disconnected bad-compression resume/resume"];
    assert_names(&mut world, &[&lost, BACK, &["RESUMED 2", "resumed 0", "status ready"]]);
}

#[test]
fn a_text_message_with_compression_is_a_fault() {
    let mut world = ready_with(options(), config().compression(Compression::ZlibStream));
    world.inject(testing::Fault::RawText { text: ACK.into() });
    world.pass_ms(100);
    world.until_ready();
    let lost = ["disconnected bad-compression resume/resume"];
    assert_names(&mut world, &[&lost, BACK, &["RESUMED 2", "resumed 0", "status ready"]]);
}

#[test]
fn a_connection_that_breaks_inside_a_message_is_a_fault_and_the_message_comes_again() {
    let mut world = ready_with(options(), config().compression(Compression::ZlibStream));
    let before = world.info().counters.messages;
    world.inject(testing::Fault::Split { parts: 3, times: 1 });
    world.emit("TYPING_START", "{}");
    world.until(1, |world| world.info().counters.messages == before + 2);
    world.cut();
    world.pass_ms(100);
    world.until_ready();
    let lost = ["disconnected closed-1006 resume/resume"];
    let back = ["TYPING_START 2", "RESUMED 3", "resumed 1", "status ready"];
    assert_names(&mut world, &[&lost, BACK, &back]);
}

#[test]
fn closing_sends_one_close_frame_and_a_second_close_does_nothing() {
    let mut world = ready();
    world.close(false);
    world.close(false);
    world.close(true);
    world.until_stopped();
    world.close(false);
    world.pass(60);
    assert_names(&mut world, &[&["status closing", "status stopped", "stopped requested"]]);
    assert_eq!(world.close_codes(), [1000]);
    assert_eq!(world.server().state().connections, 0);
}

#[test]
fn a_close_without_answer_is_given_up_after_a_moment() {
    let mut world = ready();
    world.half_open();
    let before = world.now();
    world.close(true);
    world.until_stopped();
    assert_eq!(world.now().saturating_since(before), Duration::from_secs(3));
    assert_names(&mut world, &[&["status closing", "status stopped", "stopped requested"]]);
    assert_eq!(world.close_codes(), [4000]);
    assert_eq!(world.shard(0).wakes_at(), None);
}

/// A world whose shard is in the state that `index` counts, and its name.
fn in_state(index: usize) -> Option<(World, Status)> {
    let mut world = world();
    let far = Duration::ZERO;
    let status = match index {
        0 => Status::Idle,
        1 => Status::Connecting,
        2 => Status::AwaitingHello,
        3 => Status::AwaitingIdentify,
        4 => Status::Identifying,
        5 => Status::Ready,
        6 => Status::Resuming,
        7 => Status::Disconnected { attempt: 1, retry_in: far },
        8 => Status::Closing,
        9 => Status::Stopped,
        _ => return None,
    };
    match status {
        Status::Connecting => world.ignore(None, 1),
        Status::AwaitingHello => world.inject(testing::Fault::NoHello { times: 1 }),
        Status::Identifying => world.inject(testing::Fault::NeverReady { times: 1 }),
        Status::Resuming => world.inject(testing::Fault::NeverResumed { times: 1 }),
        _ => {}
    }
    match status {
        Status::Idle => {}
        Status::AwaitingIdentify => {
            world.start();
            world.until_ready();
        }
        _ => {
            world.start();
            world.pass(1);
        }
    }
    match status {
        Status::AwaitingIdentify => {
            // The first session ends soon after its identify, so that the next has to wait.
            world.inject(testing::Fault::ForgetSessions);
            world.inject(testing::Fault::InvalidSession { resumable: Some(false) });
            world.until(60, |world| world.status() == Status::AwaitingIdentify);
        }
        Status::Resuming => {
            world.cut();
            world.pass(2);
        }
        Status::Disconnected { .. } => {
            world.cut();
            world.pass_ms(100);
        }
        Status::Closing => {
            world.half_open();
            world.close(true);
        }
        Status::Stopped => {
            world.close(true);
            world.until_stopped();
        }
        _ => {}
    }
    Some((world, status))
}

#[test]
fn every_wish_is_granted_in_every_state_and_the_end_is_always_reached() {
    for wish in WISHES {
        for index in 0.. {
            let Some((mut world, expected)) = in_state(index) else { break };
            let status = world.status();
            assert_eq!(status.name(), expected.name(), "{}", world.story());
            world.input(wish.clone());
            world.pass(120);
            let expected = match (status, &wish) {
                (Status::Closing | Status::Stopped, _) | (_, Input::Close { .. }) => {
                    Status::Stopped
                }
                (_, Input::Pause) => Status::Idle,
                _ => Status::Ready,
            };
            assert_eq!(world.status(), expected, "{wish:?} while {}", status.name());
            world.close(false);
            world.pass(10);
            assert_eq!(world.status(), Status::Stopped);
            assert_eq!(world.shard(0).wakes_at(), None);
        }
    }
}

#[test]
fn a_command_without_a_connection_waits_and_one_after_the_end_is_refused() {
    let command = Command::raw(Opcode(31), r#"{"guild_ids":["1"]}"#).expect("JSON");
    let mut world = world();
    assert_eq!(world.send(&command), Ok(()));
    world.pass(60);
    assert_eq!(world.sent(Opcode(31)).len(), 0);
    world.start();
    world.until_ready();
    assert_eq!(world.sent(Opcode(31)).len(), 1);
    world.close(false);
    world.until_stopped();
    assert_eq!(world.send(&command), Err(CommandError::Stopped));
    assert_eq!(world.sent(Opcode(31)).len(), 1);
}

#[test]
fn the_token_is_never_shown_not_even_when_payloads_are() {
    let config = config().build().expect("valid");
    let mut machine = ShardMachine::new(config.clone(), 1);
    let mut shown = vec![format!("{config:?}"), format!("{machine:?}")];
    machine.handle(Input::Start, Instant::ZERO);
    let Output::Open(id, _) = machine.poll_output() else { panic!("expected a socket") };
    for input in [Input::Opened(id), Input::Received(id, text(HELLO))] {
        machine.handle(input, Instant::ZERO);
    }
    machine.handle(
        Input::IdentifyAt(Ok(Turn { at: Instant::ZERO, is_held_back: false })),
        Instant::ZERO,
    );
    shown.push(format!("{machine:?}"));
    let outputs = std::iter::from_fn(|| match machine.poll_output() {
        Output::Wait(_) => None,
        output => Some(output),
    });
    let outputs: Vec<Output> = outputs.collect();
    assert!(outputs.iter().any(|output| matches!(output, Output::Transmit(..))), "identify");
    shown.push(format!("{outputs:?}"));
    shown.extend(outputs.iter().map(ToString::to_string));

    // The gateway may have a reason to say it back.
    let mut world = ready();
    world.cut();
    world.pass(5);
    world.inject(testing::Fault::Close { code: 4004, reason: "bad token".into() });
    world.until_stopped();
    shown.push(world.story());
    shown.push(format!("{:?} {:?} {:?}", world.events(), world.info(), world.shard(0).sends()));
    shown.push(serde_json::to_string(&world.info()).expect("plain data"));
    shown.push(prometheus(&[world.info()]));
    for event in world.events() {
        shown.push(serde_json::to_string(event).expect("plain data"));
    }
    for text in shown {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[test]
fn a_socket_that_ends_twice_ends_once() {
    let mut world = ready();
    let connection = world.shard(0).opened()[0].connection;
    for input in [
        Input::Closed(connection, Some(Close::new(4000, "x"))),
        Input::Closed(connection, None),
        Input::Failed(connection, shardwire::proto::TransportError::new("broken")),
    ] {
        world.input(input);
    }
    let names = world.names();
    assert_eq!(names, ["disconnected closed-4000 resume/resume", "status disconnected"]);
    world.until_ready();
    // Nor does the end of the old socket touch the new one.
    world.names();
    world.input(Input::Closed(connection, None));
    world.input(Input::Received(connection, text(&dispatch("LATE", 9))));
    world.pass(1);
    assert_names(&mut world, &[]);
}

#[test]
fn an_intent_less_shard_connects_too() {
    let config = Config::builder("token", Intents::NONE).compression(Compression::None);
    let mut world = ready_with(options(), config);
    world.emit("MESSAGE_CREATE", "{}");
    world.pass(1);
    assert_eq!(world.hosts(), [Host::Base]);
    let Event::Dispatch(last) = world.events()[6] else { panic!("a dispatch") };
    assert_eq!((&*last.name, last.sequence), ("MESSAGE_CREATE", 2));
}

#[test]
fn a_server_that_says_nothing_at_all_is_given_up_and_tried_again_ever_more_slowly() {
    let mut world = by_hand(|_: &Heard, _| {});
    world.pass(3600);
    let opened = world.shard(0).opened();
    // Twenty seconds of patience each, and a pause that grows to half a minute and more.
    assert!((45..=75).contains(&opened.len()), "{}", opened.len());
    assert!(
        faults(&world)
            .iter()
            .all(|fault| { *fault == Fault::NoAnswer(shardwire::proto::Awaited::Hello) })
    );
}
