//! What happens in a storm, one row each. To add an act: its row, its function, and in it what the reference is told to expect.

use std::time::Duration;

use shardwire::{
    proto::{
        Activity, ChannelField, Command, CommandError, Input, Members, Opcode, Presence, Priority,
        Request, RequestChannelInfo, RequestGuildMembers, RequestOptions, RequestSoundboardSounds,
        SendOptions, VoiceState, When,
    },
    testing::Host,
};

use crate::{
    book::Mark,
    day::Day,
    faults::{self, one_of},
    line::{Class, Waiting, Who},
    questions::op_of,
    reference::Wish,
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
    act(2, "an event that cannot be read", unreadable),
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
    act(4, "a command taken back", take_back),
    act(16, "a request", request),
    act(4, "requests, and all connections cut", request_and_cut),
    act(2, "a request taken back", take_request_back),
    act(2, "another process asks for all members again", ask_elsewhere),
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

/// It comes again with every replay, and only one connection is lost to it.
fn unreadable(day: &mut Day) -> String {
    if !day.is_json {
        return events(day);
    }
    day.world.emit("BROKEN", "{");
    "an event that cannot be read".into()
}

fn fault(day: &mut Day) -> String {
    // One kind is an event, which has to be noted.
    if day.below(40) == 0 {
        day.emitted += 1;
        let data = format!(r#"{{"n":{}}}"#, day.emitted);
        let name = "NUMBERED".into();
        day.inject(shardwire::testing::Fault::Dispatch { name, data, guild_id: None });
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
    // Timers that fell due meanwhile have their turn before anybody else.
    day.pass(Duration::ZERO);
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
    let options = send_options(day);
    let SendOptions { priority, when } = options;
    let since = day.world.now();
    let has_room = day.world.shard(shard).machine().waiting() < MOST_WAITING;
    let is_over = day.witness.shards[shard].wish == Wish::Stopped;
    let outcome = day.world.send_by_shard(shard, &command, options);
    if let Ok(ticket) = outcome {
        assert!(has_room && !is_over, "command {number} was taken");
        let expires_at = match when {
            When::Now => Some(since),
            When::Whenever => None,
            When::Within(span) => Some(since + span),
        };
        let who = Who::Command(ticket);
        let number = Some(number);
        let waiting = Waiting { who, op, number, class, priority, since, expires_at };
        day.witness.shards[shard].line.push(waiting);
        day.witness.tally.see("commands accepted");
        if when == When::Now {
            day.witness.tally.see("commands sent at once");
        }
        day.look();
        return;
    }
    day.look();
    match outcome {
        Err(CommandError::Stopped) => assert!(is_over, "command {number}: nobody stopped it"),
        Err(CommandError::QueueFull { .. }) => {
            assert!(!has_room, "command {number}: there was room");
            day.witness.tally.see("line of commands full");
        }
        Err(CommandError::NotNow { .. }) => {
            day.witness.tally.see("commands refused at once");
            let is_free = day.witness.shards[shard].is_free_for(&class, priority, since);
            assert!(!is_free && when == When::Now, "command {number} could have been sent");
        }
        other => panic!("command {number}: {other:?}"),
    }
}

/// Most commands wait as long as it takes.
fn send_options(day: &mut Day) -> SendOptions {
    let within = Duration::from_millis(day.below(90_000));
    let whenever = When::Whenever;
    let choices = [whenever, whenever, whenever, When::Now, When::Within(within)];
    let when = *one_of(&mut day.chance, &choices);
    SendOptions { priority: priority(day), when }
}

fn priority(day: &mut Day) -> Priority {
    *one_of(&mut day.chance, &[Priority::Normal, Priority::Normal, Priority::High])
}

/// How many commands may wait, and how many requests may be open, as the documents say.
const MOST_WAITING: usize = 100;
const MOST_OPEN: usize = 100;

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

fn take_back(day: &mut Day) -> String {
    let shard = day.any_shard();
    let dice = day.chance.bits();
    let Some(ticket) = day.witness.shards[shard].line.any_ticket(dice) else {
        return format!("shard {shard}: no command to take back");
    };
    let is_known = day.witness.shards[shard].line.cancel(ticket);
    let is_taken = day.world.with_machine_of(shard, |machine| machine.cancel(ticket));
    assert_eq!(is_taken, is_known, "{ticket:?} was taken back");
    day.look();
    format!("shard {shard}: {ticket:?} is taken back")
}

// Requests. Some never come to an end by themselves: the gateway answers nothing about guilds that it does not know.

fn request(day: &mut Day) -> String {
    let shard = day.any_shard();
    day.commands += 1;
    let number = day.commands;
    let (request, number) = question(day, shard, number);
    ask(day, shard, request, number)
}

/// One of each kind, and those that look like others of their kind carry a number.
fn question(day: &mut Day, shard: usize, number: u64) -> (Request, Option<u64>) {
    let guild_id = guild(day, shard);
    let text = number.to_string();
    let members = |members| {
        let (guild_id, presences) = (guild_id.clone(), Some(true));
        Request::Members(RequestGuildMembers { guild_id, members, presences, nonce: None })
    };
    let sounds = |guild_ids| Request::Soundboard(RequestSoundboardSounds { guild_ids });
    let voice = |channel_id| {
        let guild_id = guild_id.clone();
        Request::Voice(VoiceState { guild_id, channel_id, self_mute: false, self_deaf: true })
    };
    let plain = match day.below(12) {
        0 | 1 => members(Members::Named { query: String::new(), limit: 0 }),
        2 => sounds(vec![guild_id.clone()]),
        3 => {
            let fields = vec![ChannelField::Status];
            Request::ChannelInfo(RequestChannelInfo { guild_id: guild_id.clone(), fields })
        }
        4 => voice(None),
        5 => return (sounds(vec![guild_id.clone(), text]), Some(number)),
        6 | 7 => return (voice(Some(text)), Some(number)),
        8 => {
            let wanted = Members::Named { query: text, limit: 5 };
            return (members(wanted), Some(number));
        }
        _ => return (members(Members::WithIds { user_ids: vec![text] }), Some(number)),
    };
    if day.witness.shards[shard].questions.has_plain(op_of(&plain)) {
        return (members(Members::WithIds { user_ids: vec![text] }), Some(number));
    }
    (plain, None)
}

fn ask(day: &mut Day, shard: usize, request: Request, number: Option<u64>) -> String {
    let options = RequestOptions {
        priority: priority(day),
        timeout: Duration::from_secs(*one_of(&mut day.chance, &[30, 30, 3])),
        deadline: Duration::from_secs(*one_of(&mut day.chance, &[600, 600, 60, 5])),
    };
    let told = format!("shard {shard}: {request:?}");
    let is_over = day.witness.shards[shard].wish == Wish::Stopped;
    let has_room = day.witness.shards[shard].questions.len() < MOST_OPEN;
    let now = day.world.now();
    match day.world.request_by_shard(shard, request.clone(), options) {
        Ok(id) => {
            assert!(has_room && !is_over, "a request was taken");
            day.witness.tally.see("requests accepted");
            let reference = &mut day.witness.shards[shard];
            let waiting = reference.questions.push(id, request, number, options, now);
            reference.line.push(waiting);
        }
        Err(CommandError::Stopped) => assert!(is_over, "nobody stopped it"),
        Err(CommandError::QueueFull { .. }) => assert!(!has_room, "there was room"),
        Err(error) => panic!("a request met {error}"),
    }
    day.look();
    told
}

/// Such that answers are lost half-way.
fn request_and_cut(day: &mut Day) -> String {
    let told: Vec<String> = (0..3).map(|_| request(day)).collect();
    let millis = day.below(1000);
    day.pass(Duration::from_millis(millis));
    day.world.cut();
    format!("{}, and after {millis} ms a cut", told.join(", "))
}

/// What the process before it used up is known to the gateway alone, which refuses for a while.
fn ask_elsewhere(day: &mut Day) -> String {
    let shard = day.any_shard();
    let asked = ask_for_all(day, shard);
    day.pass(Duration::from_secs(3));
    let session = day.witness.shards[shard].reader.stored.clone();
    day.restart(shard, session);
    day.pass(Duration::from_secs(3));
    format!("{asked}, and by another process {}", ask_for_all(day, shard))
}

fn ask_for_all(day: &mut Day, shard: usize) -> String {
    if day.witness.shards[shard].questions.has_plain(Opcode::REQUEST_GUILD_MEMBERS) {
        return "nothing".into();
    }
    let (guild_id, presences) = (guild(day, shard), None);
    let members = Members::Named { query: String::new(), limit: 0 };
    let request = RequestGuildMembers { guild_id, members, presences, nonce: None };
    ask(day, shard, Request::Members(request), None)
}

fn take_request_back(day: &mut Day) -> String {
    let shard = day.any_shard();
    let dice = day.chance.bits();
    let Some(id) = day.witness.shards[shard].questions.any(dice) else {
        return format!("shard {shard}: no request to take back");
    };
    day.witness.shards[shard].questions.cancel(id, day.world.now());
    day.world.with_machine_of(shard, |machine| machine.cancel_request(id));
    day.look();
    format!("shard {shard}: {id:?} is taken back")
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
