//! Open requests as a user may rely on them: every part of an answer once, a last word in time, and what a lost connection,
//! a new session and a refusal mean. Knows neither the line nor the connection.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde::Deserialize;
use shardwire::{
    proto::{
        Dispatch, Instant, Opcode, Reply, Request, RequestError, RequestId, RequestOptions,
        VoiceState,
    },
    testing::Sent,
};

use crate::{
    line::{Class, Waiting, Who},
    tally::Tally,
};

/// How long the rest of an answer is waited for after a resume.
const AFTER_RESUME: Duration = Duration::from_secs(2);

/// The open requests of one shard.
#[derive(Default)]
pub struct Questions {
    open: BTreeMap<RequestId, Question>,
    /// Parts that came, and have not been told yet: of which request, and as what.
    due: VecDeque<(RequestId, Box<str>)>,
}

struct Question {
    request: Request,
    /// It stands in its text. `None`: the only open one of its kind that has none.
    number: Option<u64>,
    options: RequestOptions,
    over_at: Instant,
    stage: Stage,
    /// What came of the answer: chunk numbers, places in the list of guilds, or the halves of a voice answer.
    parts: Vec<u32>,
    /// How many parts make the answer; known with the first.
    expected: u32,
    /// What asked for members carries, and what their chunks carry.
    nonce: Option<String>,
    /// Parts that were told are void, and this has to be told.
    is_void: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// In the line.
    Waiting,
    /// Sent; when something was heard of it last.
    Sent { heard_at: Instant },
    /// Sent, and the connection is lost.
    Interrupted,
    /// Resumed since; asked again then.
    Resumed { again_at: Instant },
    /// Refused until then.
    Refused { until: Instant },
}

impl Questions {
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether one without a number is open that is sent with this opcode.
    pub fn has_plain(&self, op: Opcode) -> bool {
        self.open.values().any(|open| open.number.is_none() && op_of(&open.request) == op)
    }

    /// Takes a request in, and gives what stands in the line for it.
    pub fn push(
        &mut self,
        id: RequestId,
        request: Request,
        number: Option<u64>,
        options: RequestOptions,
        now: Instant,
    ) -> Waiting {
        let question = Question {
            request,
            number,
            options,
            over_at: now + options.deadline,
            stage: Stage::Waiting,
            parts: Vec::new(),
            expected: u32::MAX,
            nonce: None,
            is_void: false,
        };
        let waiting = question.waiting(id, now);
        self.open.insert(id, question);
        waiting
    }

    /// Any open request, by chance.
    pub fn any(&self, dice: u64) -> Option<RequestId> {
        let at = dice.checked_rem(self.open.len() as u64)?;
        self.open.keys().nth(usize::try_from(at).ok()?).copied()
    }

    // What happens.

    /// What is to be asked again by now: it stands in the line. Nothing happened before the computer awoke.
    pub fn elapse(&mut self, now: Instant, awoke_at: Instant) -> Vec<Waiting> {
        let mut again = Vec::new();
        for (id, open) in &mut self.open {
            match open.stage {
                Stage::Resumed { again_at: at } | Stage::Refused { until: at } if at <= now => {
                    again.push(open.restart(*id, at.max(awoke_at)));
                }
                _ => {}
            }
        }
        again
    }

    pub fn on_sent(&mut self, id: RequestId, sent: &Sent, now: Instant) {
        let open = self.open.get_mut(&id).expect("only open requests stand in the line");
        open.stage = Stage::Sent { heard_at: now };
        if open.is_of_members() {
            #[derive(Deserialize)]
            struct Asked {
                nonce: String,
            }
            let Asked { nonce } = serde_json::from_str(sent.data()).expect("a nonce");
            assert_ne!(open.nonce.as_ref(), Some(&nonce), "a nonce was used twice");
            open.nonce = Some(nonce);
        }
    }

    pub fn on_lost(&mut self) {
        for open in self.open.values_mut() {
            if matches!(open.stage, Stage::Sent { .. } | Stage::Resumed { .. }) {
                open.stage = Stage::Interrupted;
            }
        }
    }

    pub fn on_resumed(&mut self, now: Instant) {
        for open in self.open.values_mut() {
            if open.stage == Stage::Interrupted {
                open.stage = Stage::Resumed { again_at: now + AFTER_RESUME };
            }
        }
    }

    /// What a new session knows nothing of is asked again: it stands in the line.
    pub fn on_new_session(&mut self, now: Instant) -> Vec<Waiting> {
        let sent = self.open.iter_mut().filter(|(_, open)| open.stage != Stage::Waiting);
        sent.map(|(id, open)| open.restart(*id, now)).collect()
    }

    /// An event came: what it means for the oldest request that waits for it.
    pub fn on_dispatch(&mut self, dispatch: &Dispatch, tally: &mut Tally, now: Instant) {
        if self.open.is_empty() {
            return;
        }
        if &*dispatch.name == "RATE_LIMITED" {
            return self.on_rate_limited(dispatch, tally, now);
        }
        let Some(answer) = Answer::of(dispatch) else { return };
        let found = self.open.iter_mut().find_map(|(id, open)| {
            let (part, expected) = open.place(&dispatch.name, &answer)?;
            let is_new = open.is_asked() && !open.parts.contains(&part);
            is_new.then_some((id, open, part, expected))
        });
        let Some((id, open, part, expected)) = found else { return };
        open.parts.push(part);
        open.expected = expected;
        match &mut open.stage {
            Stage::Sent { heard_at } => *heard_at = now,
            Stage::Resumed { again_at } => *again_at = now + AFTER_RESUME,
            _ => tally.see("part of an answer while the connection was lost"),
        }
        self.due.push_back((*id, dispatch.data.clone()));
    }

    fn on_rate_limited(&mut self, dispatch: &Dispatch, tally: &mut Tally, now: Instant) {
        #[derive(Deserialize)]
        struct Refusal {
            retry_after: f64,
            meta: Meta,
        }
        #[derive(Deserialize)]
        struct Meta {
            nonce: Option<String>,
        }
        let Refusal { retry_after, meta } = dispatch.deserialize().expect("as documented");
        let is_it = |open: &&mut Question| open.nonce.is_some() && open.nonce == meta.nonce;
        if let Some(open) = self.open.values_mut().find(is_it)
            && matches!(open.stage, Stage::Sent { .. } | Stage::Resumed { .. })
        {
            tally.see("request refused for a while");
            let millis = (retry_after * 1000.0).round();
            let wait = Duration::from_secs_f64(millis / 1000.0);
            // To the millisecond, as it is written.
            let wait = Duration::from_millis(u64::try_from(wait.as_millis()).expect("short"));
            open.stage = Stage::Refused { until: now + wait };
        }
    }

    /// What the shard tells; gives whether that was the last word.
    pub fn on_reply(
        &mut self,
        id: RequestId,
        reply: &Reply,
        tally: &mut Tally,
        now: Instant,
    ) -> bool {
        let open = self.open.get_mut(&id).unwrap_or_else(|| panic!("{reply:?} for nobody"));
        match reply {
            Reply::Part(part) => {
                tally.see("parts of answers");
                let (of, data) = self.due.pop_front().expect("a part that came");
                assert_eq!((of, &data), (id, &part.data), "a part");
                let received = u32::try_from(open.parts.len()).expect("few");
                assert_eq!((part.received, part.expected), (received, open.expected), "its count");
            }
            Reply::Restarted => {
                tally.see("answers begun anew");
                assert!(open.is_void, "begun anew without need");
                open.is_void = false;
            }
            Reply::Done => {
                tally.see("requests done");
                assert_eq!(open.parts.len(), open.expected as usize, "done with parts missing");
            }
            Reply::Failed(RequestError::TimedOut { received }) => {
                tally.see("requests timed out");
                assert!(open.is_late(now), "given up before its time, {:?}", open.stage);
                // Given up at the very moment at which it was to begin anew: it tells what it had before.
                assert!(open.is_void || *received as usize == open.parts.len(), "parts so far");
            }
            Reply::Failed(RequestError::Cancelled) => {
                tally.see("requests taken back");
                assert!(open.over_at == now, "nobody took it back");
            }
            Reply::Failed(RequestError::Stopped) => tally.see("requests dropped by a stop"),
            Reply::Failed(error) => panic!("a request met {error}"),
        }
        let is_over = matches!(reply, Reply::Done | Reply::Failed(_));
        if is_over {
            self.open.remove(&id);
        }
        is_over
    }

    /// Whether one is to be asked again at this moment.
    pub fn falls_due_at(&self, now: Instant) -> bool {
        self.open.values().any(|open| match open.stage {
            Stage::Resumed { again_at: at } | Stage::Refused { until: at } => at == now,
            _ => open.over_at == now,
        })
    }

    /// It is taken back: it must end at once.
    pub fn cancel(&mut self, id: RequestId, now: Instant) {
        if let Some(open) = self.open.get_mut(&id) {
            open.over_at = now;
        }
    }

    /// What must hold at every moment but that at which the shard woke up.
    pub fn check(&self, now: Instant) {
        assert!(self.due.is_empty(), "came, and not told: {:?}", self.due);
        for (id, open) in &self.open {
            assert!(!open.is_void, "{id:?} is asked anew, and that was not told");
            assert!(open.parts.len() < open.expected as usize, "{id:?} is done, and not told");
            let is_over = open.over_at < now
                || matches!(open.stage, Stage::Sent { heard_at } if heard_at + open.options.timeout < now);
            assert!(!is_over, "{id:?} waits past its time, {:?}", open.stage);
        }
    }

    /// The shard said its last word: everybody was told.
    pub fn assert_over(&self) {
        assert_eq!(self.open.len(), 0, "stopped, and requests are open");
    }
}

impl Question {
    fn waiting(&self, id: RequestId, since: Instant) -> Waiting {
        let class = match &self.request {
            Request::Members(request) if self.number.is_none() => {
                Class::AllMembers(request.guild_id.clone())
            }
            _ => Class::Other,
        };
        Waiting {
            who: Who::Request(id),
            op: op_of(&self.request),
            number: self.number,
            class,
            priority: self.options.priority,
            since,
            expires_at: None,
        }
    }

    /// Back into the line: what came so far is void.
    fn restart(&mut self, id: RequestId, now: Instant) -> Waiting {
        self.stage = Stage::Waiting;
        self.is_void = !self.parts.is_empty();
        self.parts.clear();
        self.expected = u32::MAX;
        self.waiting(id, now)
    }

    fn is_of_members(&self) -> bool {
        matches!(self.request, Request::Members(_))
    }

    /// Whether an answer may be on its way.
    fn is_asked(&self) -> bool {
        self.stage != Stage::Waiting
    }

    fn is_late(&self, now: Instant) -> bool {
        let heard_at = match self.stage {
            Stage::Sent { heard_at } => Some(heard_at),
            _ => None,
        };
        self.over_at <= now || heard_at.is_some_and(|at| at + self.options.timeout <= now)
    }

    /// Which part of the answer this is, of how many.
    fn place(&self, name: &str, answer: &Answer) -> Option<(u32, u32)> {
        match (&self.request, name) {
            (Request::Members(_), "GUILD_MEMBERS_CHUNK") => {
                let is_it = self.nonce.is_some() && self.nonce == answer.nonce;
                is_it.then_some((answer.chunk_index?, answer.chunk_count?))
            }
            (Request::Soundboard(request), "SOUNDBOARD_SOUNDS") => {
                let at = request.guild_ids.iter().position(|id| *id == answer.guild_id)?;
                let all = request.guild_ids.len();
                Some((u32::try_from(at).ok()?, u32::try_from(all).ok()?))
            }
            (Request::ChannelInfo(request), "CHANNEL_INFO") => {
                (request.guild_id == answer.guild_id).then_some((0, 1))
            }
            // The mock tells a bot of no voice states but its own.
            (Request::Voice(state), "VOICE_STATE_UPDATE") => {
                let VoiceState { guild_id, channel_id, .. } = state;
                let is_it = *guild_id == answer.guild_id && *channel_id == answer.channel_id;
                is_it.then_some((0, 1 + u32::from(channel_id.is_some())))
            }
            (Request::Voice(state), "VOICE_SERVER_UPDATE") => {
                let is_it = state.guild_id == answer.guild_id && state.channel_id.is_some();
                is_it.then_some((1, 2))
            }
            _ => None,
        }
    }
}

/// What tells an answer from others.
#[derive(Deserialize)]
struct Answer {
    guild_id: String,
    channel_id: Option<String>,
    nonce: Option<String>,
    chunk_index: Option<u32>,
    chunk_count: Option<u32>,
}

impl Answer {
    /// `None` if it is none.
    fn of(dispatch: &Dispatch) -> Option<Self> {
        let is_one = matches!(
            &*dispatch.name,
            "CHANNEL_INFO"
                | "GUILD_MEMBERS_CHUNK"
                | "SOUNDBOARD_SOUNDS"
                | "VOICE_SERVER_UPDATE"
                | "VOICE_STATE_UPDATE"
        );
        is_one.then(|| dispatch.deserialize().expect("as documented"))
    }
}

pub fn op_of(request: &Request) -> Opcode {
    match request {
        Request::ChannelInfo(_) => Opcode::REQUEST_CHANNEL_INFO,
        Request::Members(_) => Opcode::REQUEST_GUILD_MEMBERS,
        Request::Soundboard(_) => Opcode::REQUEST_SOUNDBOARD_SOUNDS,
        Request::Voice(_) => Opcode::VOICE_STATE_UPDATE,
        other => panic!("no opcode known of {other:?}"),
    }
}
