//! Open requests: which are to be sent (again), which dispatches answer them, and when one is given up. Sends nothing, and
//! keeps no data of the answers.
//!
//! Sources: Discord's "Request Guild Members" (nonce, chunks), "Rate Limited" (`retry_after` in seconds). Chunks are dispatches:
//! after a resume the rest may be replayed, after a new session it never comes, and no acknowledgement tells either.

use std::{collections::VecDeque, time::Duration};

use crate::proto::{
    command::Command,
    request::{Part, Reply, Request, RequestError, RequestId, RequestOptions},
    time::Instant,
    turn::{SendOptions, Ticket, When},
    wire::{
        Envelope,
        payload::{GuildAnswer, MembersChunk, RateLimited, VoiceAnswer},
    },
    words::{Hex, say},
};

/// After a resume the rest of an answer is waited for so long, from the last part on; then the request is sent again.
const AFTER_RESUME: Duration = Duration::from_secs(2);
/// `RATE_LIMITED` this often means that waiting does not help.
const MOST_REFUSALS: u32 = 5;
/// Longest wait that a server may impose; more is a mistake of its own.
const LONGEST_REFUSAL: Duration = Duration::from_secs(120);
/// Chunks of one answer: 20 million members. What the server says beyond is not believed.
const MOST_CHUNKS: u32 = 20_000;

/// The bot itself, as far as it is known: whose voice state answers a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Me<'a> {
    pub user_id: Option<&'a str>,
    pub session_id: Option<&'a str>,
}

/// All open requests of a shard.
#[derive(Debug)]
pub(crate) struct Requests {
    open: Vec<Open>,
    newest: u64,
    /// Makes nonces of this process unlike those of others.
    salt: u32,
    /// Bytes that one answer may have.
    answer_bytes: usize,
    replies: VecDeque<(RequestId, Reply)>,
}

#[derive(Debug)]
struct Open {
    id: RequestId,
    request: Request,
    options: RequestOptions,
    stage: Stage,
    over_at: Instant,
    /// How often it was sent: part of the nonce, so that late parts of an earlier answer are told apart.
    rounds: u32,
    refusals: u32,
    answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// To be put into the line.
    Due,
    /// In the line.
    Queued(Ticket),
    /// Sent; the answer is on its way.
    Sent { give_up_at: Instant },
    /// Sent before a resume; sent again unless more comes soon.
    Resumed { again_at: Instant },
    /// Sent, and the connection was lost.
    Interrupted,
    /// Refused for a while.
    Refused { until: Instant },
}

/// What came of an answer.
#[derive(Debug, Default)]
struct Answer {
    /// Which parts came: chunk numbers, or places in the list of guilds, or the two halves of a voice answer.
    parts: Vec<u32>,
    bytes: usize,
}

impl Requests {
    pub(crate) fn new(salt: u32, answer_bytes: usize) -> Self {
        Self { open: Vec::new(), newest: 0, salt, answer_bytes, replies: VecDeque::new() }
    }

    /// Takes a request in; [`next_due`](Self::next_due) gives its command.
    pub(crate) fn push(
        &mut self,
        request: Request,
        options: RequestOptions,
        now: Instant,
    ) -> RequestId {
        self.newest += 1;
        let id = RequestId(self.newest);
        self.open.push(Open {
            id,
            request,
            options,
            stage: Stage::Due,
            over_at: now + options.deadline,
            rounds: 0,
            refusals: 0,
            answer: Answer::default(),
        });
        id
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// A request that is to be put into the line, as a command.
    pub(crate) fn next_due(&mut self) -> Option<(RequestId, Command, SendOptions)> {
        let salt = self.salt;
        let open = self.open.iter_mut().find(|open| open.stage == Stage::Due)?;
        open.rounds += 1;
        let options = SendOptions { priority: open.options.priority, when: When::Whenever };
        Some((open.id, open.command(salt), options))
    }

    /// The command of a request is in the line.
    pub(crate) fn queued(&mut self, id: RequestId, ticket: Ticket) {
        if let Some(open) = self.find(id) {
            open.stage = Stage::Queued(ticket);
        }
    }

    /// Whether the command with this ticket belongs to a request.
    pub(crate) fn has_queued(&self, ticket: Ticket) -> bool {
        self.open.iter().any(|open| open.stage == Stage::Queued(ticket))
    }

    /// The command with this ticket was sent; gives whether it belongs to a request.
    pub(crate) fn sent(&mut self, ticket: Ticket, now: Instant) -> bool {
        let open = self.open.iter_mut().find(|open| open.stage == Stage::Queued(ticket));
        let is_request = open.is_some();
        if let Some(open) = open {
            open.stage = Stage::Sent { give_up_at: now + open.options.timeout };
        }
        is_request
    }

    /// Gives a request up; its ticket, if it was still in the line.
    pub(crate) fn fail(&mut self, id: RequestId, error: RequestError) -> Option<Ticket> {
        let at = self.open.iter().position(|open| open.id == id)?;
        let open = self.open.remove(at);
        self.replies.push_back((id, Reply::Failed(error)));
        match open.stage {
            Stage::Queued(ticket) => Some(ticket),
            _ => None,
        }
    }

    /// The shard has stopped: nothing more will come for any of them.
    pub(crate) fn stop(&mut self) {
        while let Some(id) = self.open.first().map(|open| open.id) {
            self.fail(id, RequestError::Stopped);
        }
    }

    // The connection.

    pub(crate) fn on_lost(&mut self) {
        for open in &mut self.open {
            if matches!(open.stage, Stage::Sent { .. } | Stage::Resumed { .. }) {
                open.stage = Stage::Interrupted;
            }
        }
    }

    /// RESUMED: the rest may have been replayed, or comes now, or never.
    pub(crate) fn on_resumed(&mut self, now: Instant) {
        for open in &mut self.open {
            if open.stage == Stage::Interrupted {
                open.stage = Stage::Resumed { again_at: now + AFTER_RESUME };
            }
        }
    }

    /// A new session knows nothing of what was asked in the old one.
    pub(crate) fn on_new_session(&mut self) {
        for open in &mut self.open {
            if !matches!(open.stage, Stage::Queued(_) | Stage::Due) {
                open.restart(&mut self.replies);
            }
        }
    }

    // The answers.

    /// Looks whether a dispatch answers a request.
    pub(crate) fn on_dispatch(&mut self, envelope: &Envelope<'_>, me: Me<'_>, now: Instant) {
        if self.open.is_empty() {
            return;
        }
        match envelope.name.as_deref() {
            Some("RATE_LIMITED") => self.on_rate_limited(envelope.data, now),
            Some(name) => self.on_answer(name, envelope, me, now),
            None => {}
        }
    }

    fn on_answer(&mut self, name: &str, envelope: &Envelope<'_>, me: Me<'_>, now: Instant) {
        let salt = self.salt;
        // Requests for the same things are answered in the order in which they were sent.
        let found = self.open.iter().enumerate().find_map(|(at, open)| {
            let (part, expected) = open.match_part(name, envelope.data, me, salt)?;
            open.waits_for(part).then_some((at, part, expected))
        });
        let Some((at, part, expected)) = found else { return };
        let open = &mut self.open[at];
        open.answer.parts.push(part);
        open.answer.bytes = open.answer.bytes.saturating_add(envelope.data.len());
        open.stage = match open.stage {
            Stage::Resumed { .. } => Stage::Resumed { again_at: now + AFTER_RESUME },
            Stage::Sent { .. } => Stage::Sent { give_up_at: now + open.options.timeout },
            stage => stage,
        };
        let id = open.id;
        if open.answer.bytes > self.answer_bytes {
            self.fail(id, RequestError::TooLarge { limit: self.answer_bytes });
            return;
        }
        let received = u32::try_from(open.answer.parts.len()).unwrap_or(u32::MAX);
        let part = Part {
            name: name.into(),
            data: envelope.data.into(),
            has_wide_integers: envelope.has_wide_integers,
            received,
            expected,
        };
        self.replies.push_back((id, Reply::Part(part)));
        if received >= expected {
            self.open.remove(at);
            self.replies.push_back((id, Reply::Done));
        }
    }

    fn on_rate_limited(&mut self, data: &str, now: Instant) {
        let Some(refusal) = RateLimited::parse(data) else { return };
        let salt = self.salt;
        let Some(open) = self.open.iter_mut().find(|open| open.is_refused(&refusal, salt)) else {
            return;
        };
        open.refusals += 1;
        if open.refusals > MOST_REFUSALS {
            let id = open.id;
            self.fail(id, RequestError::RateLimited);
        } else {
            open.stage = Stage::Refused { until: now + refusal.retry_after.min(LONGEST_REFUSAL) };
        }
    }

    /// The next thing to tell the user.
    pub(crate) fn next_reply(&mut self) -> Option<(RequestId, Reply)> {
        self.replies.pop_front()
    }

    // Time.

    /// What fell due. Gives the tickets of commands that are no longer wanted.
    pub(crate) fn elapse(&mut self, now: Instant) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        let mut at = 0;
        while let Some(open) = self.open.get_mut(at) {
            let received = u32::try_from(open.answer.parts.len()).unwrap_or(u32::MAX);
            let is_late = match open.stage {
                Stage::Sent { give_up_at } => give_up_at <= now,
                _ => false,
            };
            if is_late || open.over_at <= now {
                let id = open.id;
                tickets.extend(self.fail(id, RequestError::TimedOut { received }));
                continue;
            }
            match open.stage {
                Stage::Resumed { again_at } if again_at <= now => open.restart(&mut self.replies),
                Stage::Refused { until } if until <= now => open.stage = Stage::Due,
                _ => {}
            }
            at += 1;
        }
        tickets
    }

    /// When something falls due.
    pub(crate) fn wake(&self) -> Option<Instant> {
        self.open.iter().map(Open::wake).min()
    }

    fn find(&mut self, id: RequestId) -> Option<&mut Open> {
        self.open.iter_mut().find(|open| open.id == id)
    }
}

impl Open {
    fn wake(&self) -> Instant {
        let soon = match self.stage {
            Stage::Due | Stage::Interrupted | Stage::Queued(_) => self.over_at,
            Stage::Refused { until } => until,
            Stage::Resumed { again_at } => again_at,
            Stage::Sent { give_up_at } => give_up_at,
        };
        soon.min(self.over_at)
    }

    /// Asks anew. What came so far is void, as members may have come and gone in between.
    fn restart(&mut self, replies: &mut VecDeque<(RequestId, Reply)>) {
        self.stage = Stage::Due;
        if !self.answer.parts.is_empty() {
            self.answer = Answer::default();
            replies.push_back((self.id, Reply::Restarted));
        }
    }

    fn command(&self, salt: u32) -> Command {
        let mut command = self.request.command();
        if let Command::RequestGuildMembers(request) = &mut command {
            request.nonce = Some(self.nonce(salt));
        }
        command
    }

    /// At most 32 bytes, which is what Discord hands back: 8 + 1 + 16 + 1 + 6 at the utmost of any real life.
    fn nonce(&self, salt: u32) -> String {
        let hex = |number, width| Hex { number, width };
        let mut nonce = String::new();
        say!(
            &mut nonce,
            hex(salt.into(), 8),
            ".",
            hex(self.id.0, 1),
            ".",
            hex(self.rounds.into(), 1)
        );
        nonce
    }

    /// Which part of the answer a dispatch is, of how many.
    fn match_part(&self, name: &str, data: &str, me: Me<'_>, salt: u32) -> Option<(u32, u32)> {
        match (&self.request, name) {
            (Request::Members(_), "GUILD_MEMBERS_CHUNK") => {
                let chunk = MembersChunk::parse(data)?;
                let is_sound = chunk.index < chunk.count && chunk.count <= MOST_CHUNKS;
                (is_sound && chunk.nonce == self.nonce(salt)).then_some((chunk.index, chunk.count))
            }
            (Request::ChannelInfo(request), "CHANNEL_INFO") => {
                let answer = GuildAnswer::parse(data)?;
                (answer.guild_id == request.guild_id).then_some((0, 1))
            }
            (Request::Soundboard(request), "SOUNDBOARD_SOUNDS") => {
                let answer = GuildAnswer::parse(data)?;
                let at = request.guild_ids.iter().position(|id| *id == answer.guild_id)?;
                Some((u32::try_from(at).ok()?, u32::try_from(request.guild_ids.len()).ok()?))
            }
            (Request::Voice(state), "VOICE_STATE_UPDATE") => {
                let answer = VoiceAnswer::parse(data)?;
                let is_mine = match me.user_id {
                    Some(user_id) => answer.user_id == user_id,
                    None => me.session_id == Some(&*answer.session_id),
                };
                let is_it = is_mine
                    && answer.guild_id == state.guild_id
                    && answer.channel_id.as_deref() == state.channel_id.as_deref();
                is_it.then_some((0, voice_parts(state.channel_id.is_some())))
            }
            (Request::Voice(state), "VOICE_SERVER_UPDATE") if state.channel_id.is_some() => {
                let answer = GuildAnswer::parse(data)?;
                (answer.guild_id == state.guild_id).then_some((1, voice_parts(true)))
            }
            _ => None,
        }
    }

    /// Whether this part may be the answer to what was sent. One that still stands in the line will be answered afterwards.
    fn waits_for(&self, part: u32) -> bool {
        let is_sent = !matches!(self.stage, Stage::Due | Stage::Queued(_));
        is_sent && !self.answer.parts.contains(&part)
    }

    fn is_refused(&self, refusal: &RateLimited, salt: u32) -> bool {
        let is_sent = matches!(self.stage, Stage::Sent { .. } | Stage::Resumed { .. });
        let (opcode, guild_id) = match &self.request {
            Request::ChannelInfo(request) => (43, Some(&request.guild_id)),
            Request::Members(request) => (8, Some(&request.guild_id)),
            Request::Soundboard(_) => (31, None),
            Request::Voice(state) => (4, Some(&state.guild_id)),
        };
        // Other servers may leave out the guild or the nonce; what is said must fit.
        is_sent
            && refusal.opcode == opcode
            && (refusal.guild_id.is_none() || refusal.guild_id.as_ref() == guild_id)
            && refusal.nonce.as_ref().is_none_or(|nonce| *nonce == self.nonce(salt))
    }
}

/// Leaving is answered by the voice state alone.
const fn voice_parts(is_join: bool) -> u32 {
    if is_join { 2 } else { 1 }
}
