//! What happens in a storm, one row each. To add an act: its row, its function, and in it what the reference is told to expect.

use std::time::Duration;

use shardwire::{
    proto::{
        Activity, Command, Input, Members, Opcode, Presence, RequestGuildMembers, SendOptions,
        VoiceState,
    },
    testing::Host,
};

use crate::{
    book::Mark,
    day::Day,
    faults::{self, one_of},
    reference::{Class, Given, Wish},
};

/// Something that happens by chance.
pub struct Act {
    pub name: &'static str,
    /// How often, of all shares together.
    pub share: u64,
    /// Does it, and says what it did.
    pub run: fn(&mut Day) -> String,
}

const fn act(share: u64, name: &'static str, run: fn(&mut Day) -> String) -> Act {
    Act { name, share, run }
}

pub const ACTS: &[Act] = &[
    act(60, "events", events),
    act(50, "a moment passes", |day| pass(day, 2_000)),
    act(40, "a while passes", |day| pass(day, 90_000)),
    act(50, "a fault of the gateway", fault),
    act(1, "a fatal code", fatal),
    act(8, "all connections cut", cut),
    act(5, "all connections half open", half_open),
    act(4, "network away", unplugged),
    act(4, "a connection refused", refuse),
    act(4, "a connection ignored", ignore),
    act(4, "the computer sleeps", sleep),
    act(4, "messages travel for other times", jitter),
    act(3, "flood of commands", flood),
    act(4, "presence", presence),
    act(4, "voice state", voice),
    act(4, "members by name", members_by_name),
    act(4, "members by id", members_by_id),
    act(3, "all members", all_members),
    act(4, "soundboard sounds", soundboard),
    act(4, "channel information", channel_info),
    act(4, "reconnect wanted", reconnect),
    act(4, "pause", pause),
    act(4, "start", start),
    act(6, "the reader is slow", slow_reader),
    act(4, "a session is put aside", put_aside),
    act(2, "closed with the session kept", |day| close(day, true)),
    act(1, "closed for good", |day| close(day, false)),
    act(3, "another process with the session", |day| restart(day, Memory::Fresh)),
    act(2, "another process with an older session", |day| restart(day, Memory::Older)),
    act(1, "another process without a session", |day| restart(day, Memory::None)),
];

/// What another process knows.
#[derive(Clone, Copy, Debug)]
enum Memory {
    Fresh,
    Older,
    None,
}

/// One of the acts, by chance.
pub fn any(dice: u64) -> &'static Act {
    let all: u64 = ACTS.iter().map(|act| act.share).sum();
    let mut dice = dice % all;
    for act in ACTS {
        if dice < act.share {
            return act;
        }
        dice -= act.share;
    }
    &ACTS[0]
}

// The gateway.

fn events(day: &mut Day) -> String {
    let count = 1 + day.below(30);
    for _ in 0..count {
        emit(day);
    }
    format!("{count} events")
}

/// An event to every session, most of them such that the user wants them.
pub fn emit(day: &mut Day) {
    if day.witness.is_filtered && day.below(3) == 0 {
        day.world.emit("UNWANTED", "{}");
        day.witness.emitted(day.world.server(), Mark::Unwanted);
    } else {
        day.emitted += 1;
        day.world.emit("NUMBERED", &format!(r#"{{"n":{}}}"#, day.emitted));
        day.witness.emitted(day.world.server(), Mark::Numbered(day.emitted));
    }
}

fn fault(day: &mut Day) -> String {
    // One kind is an event, which has to be noted.
    if day.below(40) == 0 {
        day.emitted += 1;
        let data = format!(r#"{{"n":{}}}"#, day.emitted);
        day.inject(shardwire::testing::Fault::Dispatch { name: "NUMBERED".into(), data });
        day.witness.emitted(day.world.server(), Mark::Numbered(day.emitted));
        return "an event by a fault".into();
    }
    let fault = faults::any(&mut day.chance);
    let told = format!("{fault:?}");
    day.inject(fault);
    told
}

fn fatal(day: &mut Day) -> String {
    let fault = faults::fatal(&mut day.chance);
    let told = format!("{fault:?}");
    day.inject(fault);
    day.pass(Duration::from_secs(600));
    told
}

// The wire and the computer.

fn pass(day: &mut Day, most: u64) -> String {
    let millis = day.below(most);
    day.pass(Duration::from_millis(millis));
    format!("{millis} ms pass")
}

fn cut(day: &mut Day) -> String {
    day.world.cut();
    "cut".into()
}

fn half_open(day: &mut Day) -> String {
    day.world.half_open();
    "half open".into()
}

fn unplugged(day: &mut Day) -> String {
    let secs = day.below(100);
    day.world.unplug();
    day.pass(Duration::from_secs(secs));
    day.world.plug_in();
    format!("no network for {secs} s")
}

fn refuse(day: &mut Day) -> String {
    let host = *one_of(&mut day.chance, &[None, Some(Host::Base), Some(Host::Resume)]);
    day.world.refuse(host, 1);
    format!("{host:?} refuses once")
}

fn ignore(day: &mut Day) -> String {
    let host = *one_of(&mut day.chance, &[None, Some(Host::Base), Some(Host::Resume)]);
    day.world.ignore(host, 1);
    format!("{host:?} ignores once")
}

fn sleep(day: &mut Day) -> String {
    let most = *one_of(&mut day.chance, &[10, 100, 1000]);
    let secs = day.below(most);
    day.world.suspend(secs);
    day.witness.sleep(day.world.now());
    for shard in &mut day.witness.shards {
        shard.wake_up(day.world.now());
    }
    let is_told = day.below(2) == 0;
    if is_told {
        for shard in 0..day.witness.shards.len() {
            day.witness.shards[shard].wake_up_told(day.world.now());
            let slept = Input::Suspended(Duration::from_secs(secs));
            day.world.input_to_shard(shard, slept);
            day.look();
        }
    }
    format!("asleep for {secs} s, told {is_told}")
}

fn jitter(day: &mut Day) -> String {
    let millis = day.below(200);
    day.world.jitter(millis);
    format!("jitter of {millis} ms")
}

// Commands. Each carries its number in a place that the mock leaves alone.

/// Gives one shard a command, and tells its reference if it was taken.
fn command(day: &mut Day, shard: usize, make: impl FnOnce(&str) -> Command) {
    day.commands += 1;
    let number = day.commands;
    let command = make(&number.to_string());
    let op = match &command {
        Command::RequestGuildMembers(_) => Opcode::REQUEST_GUILD_MEMBERS,
        Command::UpdatePresence(_) => Opcode::PRESENCE_UPDATE,
        Command::UpdateVoiceState(_) => Opcode::VOICE_STATE_UPDATE,
        Command::Raw(op, _) => *op,
        other => panic!("no opcode known of {other:?}"),
    };
    let class = match &command {
        Command::RequestGuildMembers(RequestGuildMembers {
            guild_id,
            members: Members::Named { limit: 0, .. },
            ..
        }) => Class::AllMembers(guild_id.clone()),
        Command::UpdatePresence(_) => Class::Presence,
        _ => Class::Other,
    };
    let reference = &mut day.witness.shards[shard];
    let has_room = reference.wish != Wish::Stopped && reference.line() < MOST_WAITING;
    let outcome = day.world.send_by_shard(shard, &command, SendOptions::default());
    assert_eq!(outcome.is_ok(), has_room, "command {number}: {outcome:?}");
    if let Ok(ticket) = outcome {
        reference.accept(Given { ticket, op, number, class });
        day.witness.tally.see("commands accepted");
    } else if reference.wish != Wish::Stopped {
        day.witness.tally.see("line of commands full");
    }
    day.look();
}

/// How many commands may wait, as the documents say.
const MOST_WAITING: usize = 100;

fn flood(day: &mut Day) -> String {
    let shard = day.any_shard();
    let (times, count) = (1 + day.below(4), 20 + day.below(100));
    for _ in 0..times {
        for _ in 0..count {
            command(day, shard, sounds);
        }
        let millis = day.below(30_000);
        day.pass(Duration::from_millis(millis));
    }
    format!("shard {shard}: {times} times {count} commands")
}

fn sounds(number: &str) -> Command {
    let data = format!(r#"{{"guild_ids":["{number}"]}}"#);
    Command::raw(Opcode::REQUEST_SOUNDBOARD_SOUNDS, &data).expect("JSON")
}

fn soundboard(day: &mut Day) -> String {
    let shard = day.any_shard();
    let guild = guild(day, shard);
    command(day, shard, |number| {
        let data = format!(r#"{{"guild_ids":["{number}","{guild}"]}}"#);
        Command::raw(Opcode::REQUEST_SOUNDBOARD_SOUNDS, &data).expect("JSON")
    });
    format!("shard {shard}: sounds")
}

fn channel_info(day: &mut Day) -> String {
    let shard = day.any_shard();
    command(day, shard, |number| {
        let data = format!(r#"{{"guild_id":"{number}","fields":["status"]}}"#);
        Command::raw(Opcode::REQUEST_CHANNEL_INFO, &data).expect("JSON")
    });
    format!("shard {shard}: channel information")
}

/// Several at once: the shard keeps the limit.
fn presence(day: &mut Day) -> String {
    let shard = day.any_shard();
    let count = 1 + day.below(8);
    for _ in 0..count {
        command(day, shard, |number| {
            let activity = Activity { name: number.into(), kind: 0, state: None, url: None };
            Command::UpdatePresence(Presence { activities: vec![activity], ..Presence::default() })
        });
    }
    format!("shard {shard}: {count} presences")
}

fn voice(day: &mut Day) -> String {
    let shard = day.any_shard();
    let guild = guild(day, shard);
    command(day, shard, |number| {
        Command::UpdateVoiceState(VoiceState {
            guild_id: guild,
            channel_id: Some(number.into()),
            self_mute: true,
            self_deaf: false,
        })
    });
    format!("shard {shard}: voice state")
}

fn members(guild_id: String, number: &str, members: Members) -> Command {
    let nonce = Some(number.into());
    let presences = Some(true);
    Command::RequestGuildMembers(RequestGuildMembers { guild_id, members, presences, nonce })
}

fn members_by_name(day: &mut Day) -> String {
    let shard = day.any_shard();
    let guild = guild(day, shard);
    let wanted = Members::Named { query: "a".into(), limit: 10 };
    command(day, shard, |number| members(guild, number, wanted));
    format!("shard {shard}: members by name")
}

fn members_by_id(day: &mut Day) -> String {
    let shard = day.any_shard();
    let guild = guild(day, shard);
    let wanted = Members::WithIds { user_ids: vec!["5".into()] };
    command(day, shard, |number| members(guild, number, wanted));
    format!("shard {shard}: members by id")
}

/// Twice at once: the shard keeps the limit.
fn all_members(day: &mut Day) -> String {
    let shard = day.any_shard();
    for _ in 0..2 {
        let guild = guild(day, shard);
        let wanted = Members::Named { query: String::new(), limit: 0 };
        command(day, shard, |number| members(guild, number, wanted));
    }
    format!("shard {shard}: all members, twice")
}

/// A guild of the shard, or one that it does not have.
fn guild(day: &mut Day, shard: usize) -> String {
    day.witness.shards[shard].guild.clone().unwrap_or_else(|| "1".into())
}

// The user.

fn reconnect(day: &mut Day) -> String {
    let shard = day.any_shard();
    day.witness.shards[shard].wish_reconnect(day.world.now());
    day.world.input_to_shard(shard, Input::Reconnect);
    format!("shard {shard} reconnects")
}

fn pause(day: &mut Day) -> String {
    let shard = day.any_shard();
    day.pause(shard);
    format!("shard {shard} pauses")
}

fn start(day: &mut Day) -> String {
    let shard = day.any_shard();
    day.start(shard);
    format!("shard {shard} starts")
}

fn slow_reader(day: &mut Day) -> String {
    let shard = day.any_shard();
    let secs = day.below(200);
    day.witness.shards[shard].reader.slow_until = day.world.now() + Duration::from_secs(secs);
    format!("the reader of shard {shard} is slow for {secs} s")
}

fn put_aside(day: &mut Day) -> String {
    for shard in &mut day.witness.shards {
        shard.reader.older = shard.reader.stored.clone();
    }
    "sessions put aside".into()
}

fn close(day: &mut Day, keep_session: bool) -> String {
    let shard = day.any_shard();
    day.witness.shards[shard].wish(Wish::Close { keep_session }, day.world.now());
    day.world.input_to_shard(shard, Input::Close { keep_session });
    format!("shard {shard} closes, keep_session {keep_session}")
}

fn restart(day: &mut Day, memory: Memory) -> String {
    let shard = day.any_shard();
    let reader = &day.witness.shards[shard].reader;
    let session = match memory {
        Memory::Fresh => reader.stored.clone(),
        Memory::Older => reader.older.clone(),
        Memory::None => None,
    };
    let told = session.as_ref().map(|session| session.sequence);
    day.restart(shard, session);
    format!("shard {shard} moves to another process, {memory:?}, from {told:?}")
}
