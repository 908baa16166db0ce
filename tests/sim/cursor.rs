//! A cursor that is saved at any moment, and taken up by another process.

use shardwire::{
    proto::{Dispatch, Opcode},
    testing::{Client, World},
};

use crate::support::*;

#[test]
fn a_cursor_saved_at_any_moment_resumes_without_loss_and_without_repetition() {
    for millis in (0..4000).step_by(37) {
        let mut world = World::new(options(), config());
        world.start();
        world.until_ready();
        world.cut();
        for number in 1..=40 {
            world.emit("NUMBERED", &format!(r#"{{"n":{number}}}"#));
            let step = 100;
            if (number * step..(number + 1) * step).contains(&millis) {
                world.pass_ms(millis % step);
                world.restart(0, number);
                world.pass_ms(step - millis % step);
            } else {
                world.pass_ms(step);
            }
        }
        world.until_ready();
        world.pass(1);
        let client = world.shard(0);
        assert_order(client);
        assert_eq!(last_number(client), Some(40), "{millis} ms");
        assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1, "{millis} ms");
    }
}

/// Each session's events come exactly once and in order, from READY on without a gap.
fn assert_order(client: &Client) {
    let mut expected = None;
    let mut newest = 0;
    for dispatch in client.dispatches() {
        if &*dispatch.name == "READY" {
            expected = Some(1);
        }
        let number = expected.expect("READY comes first");
        assert_eq!(dispatch.sequence, number, "{} after {}", dispatch.sequence, number - 1);
        expected = Some(number + 1);
        if let Some(number) = numbered(dispatch) {
            assert!(number > newest, "event {number} after {newest}");
            newest = number;
        }
    }
}

fn numbered(dispatch: &Dispatch) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Numbered {
        n: u64,
    }
    let is_it = &*dispatch.name == "NUMBERED";
    is_it.then(|| dispatch.deserialize::<Numbered>().expect("as it was sent").n)
}

fn last_number(client: &Client) -> Option<u64> {
    client.dispatches().into_iter().rev().find_map(numbered)
}
