//! Faults in waiting: which are armed for a later occasion, and which step of the script is due. Never sends anything.

use std::time::Duration;

use super::{
    exchange::{Host, Refusal},
    outlet::take,
    script::{Answer, Fault, Script, Step, When},
};
use crate::proto::Instant;

/// Faults that strike on the next connection, identify, resume …, each with how often it will.
#[derive(Default)]
pub(super) struct Armed {
    pub(super) no_hello: u32,
    pub(super) reconnect_before_hello: u32,
    pub(super) reconnect_instead_of_hello: u32,
    pub(super) never_ready: u32,
    pub(super) never_resumed: u32,
    pub(super) refuse_identify: (u32, Option<bool>),
    pub(super) refuse_resume: (u32, Option<bool>),
    pub(super) duplicate_last: u32,
    pub(super) zero_ready: u32,
    pub(super) zero_resumed: u32,
    refusals: Vec<(u16, Option<Host>, u32)>,
    resume_host: Option<Dead>,
}

#[derive(Clone, Copy)]
enum Dead {
    Until(Instant),
    ForGood,
}

/// Refusals that may be waiting at the same time.
const MOST: usize = 100;

impl Armed {
    /// Takes a fault that strikes later; gives back one that strikes on open connections.
    pub(super) fn arm(&mut self, fault: Fault, now: Instant) -> Option<Fault> {
        let (count, times) = match fault {
            Fault::NoHello { times } => (&mut self.no_hello, times),
            Fault::ReconnectBeforeHello { times } => (&mut self.reconnect_before_hello, times),
            Fault::ReconnectInsteadOfHello { times } => {
                (&mut self.reconnect_instead_of_hello, times)
            }
            Fault::NeverReady { times } => (&mut self.never_ready, times),
            Fault::NeverResumed { times } => (&mut self.never_resumed, times),
            Fault::DuplicateLast { times } => (&mut self.duplicate_last, times),
            Fault::SequenceZero { of: Answer::Ready, times } => (&mut self.zero_ready, times),
            Fault::SequenceZero { of: Answer::Resumed, times } => (&mut self.zero_resumed, times),
            Fault::RefuseIdentify { resumable, times } => {
                self.refuse_identify = (times, resumable);
                return None;
            }
            Fault::RefuseResume { resumable, times } => {
                self.refuse_resume = (times, resumable);
                return None;
            }
            Fault::RefuseHandshake { status, host, times } => {
                if self.refusals.len() < MOST {
                    self.refusals.push((status, host, times));
                }
                return None;
            }
            Fault::DeadResumeHost { ms } => {
                let until = |ms| Dead::Until(now + Duration::from_millis(ms));
                self.resume_host = Some(ms.map_or(Dead::ForGood, until));
                return None;
            }
            other => return Some(other),
        };
        *count = count.saturating_add(times);
        None
    }

    pub(super) fn is_resume_host_dead(&self, now: Instant) -> bool {
        match self.resume_host {
            None => false,
            Some(Dead::ForGood) => true,
            Some(Dead::Until(end)) => now < end,
        }
    }

    /// Whether a handshake at this address is let through.
    pub(super) fn admit(&mut self, host: Host, now: Instant) -> Result<(), Refusal> {
        if host == Host::Resume && self.is_resume_host_dead(now) {
            return Err(Refusal::Unreachable);
        }
        let meant = |of: &Option<Host>| of.is_none_or(|of| of == host);
        let refused = self.refusals.iter_mut().find_map(|(status, of, times)| {
            (meant(of) && take(times)).then_some(Refusal::Status(*status))
        });
        self.refusals.retain(|(.., times)| *times > 0);
        refused.map_or(Ok(()), Err)
    }

    /// When the resume address comes back.
    pub(super) fn wake(&self, now: Instant) -> Option<Instant> {
        match self.resume_host {
            Some(Dead::Until(end)) if now < end => Some(end),
            _ => None,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        let counts = [
            self.no_hello,
            self.reconnect_before_hello,
            self.reconnect_instead_of_hello,
            self.never_ready,
            self.never_resumed,
            self.refuse_identify.0,
            self.refuse_resume.0,
            self.duplicate_last,
            self.zero_ready,
            self.zero_resumed,
        ];
        let refusals = self.refusals.iter().map(|(.., times)| *times);
        counts.into_iter().chain(refusals).map(|count| count as usize).sum()
    }
}

/// What a script can wait for besides time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Dispatch,
    Connection,
    Identify,
    Resume,
    Heartbeat,
    Command,
}

/// A script under way.
pub(super) struct Schedule {
    steps: Vec<(Step, Option<Duration>)>,
    counts: [u64; 6],
    started_at: Instant,
}

impl Schedule {
    pub(super) fn new(script: Script, started_at: Instant) -> Self {
        let due = |step: &Step| match step.at {
            When::Ms(ms) => Some(Duration::from_millis(ms)),
            _ => None,
        };
        let steps = script.0.into_iter().map(|step| (due(&step), step));
        let steps = steps.map(|(due, step)| (step, due)).collect();
        Self { steps, counts: [0; 6], started_at }
    }

    /// Counts a moment and takes what is due then.
    pub(super) fn strike(&mut self, moment: Moment) -> Vec<Fault> {
        let count = &mut self.counts[moment as usize];
        *count += 1;
        let count = *count;
        self.take(|at, repeat| {
            let ((When::Dispatch(nth), Moment::Dispatch)
            | (When::Connection(nth), Moment::Connection)
            | (When::Identify(nth), Moment::Identify)
            | (When::Resume(nth), Moment::Resume)
            | (When::Heartbeat(nth), Moment::Heartbeat)
            | (When::Command(nth), Moment::Command)) = (at, moment)
            else {
                return false;
            };
            nth == count || (repeat && count.is_multiple_of(nth.max(1)))
        })
    }

    /// Takes what is due by now.
    pub(super) fn elapse(&mut self, now: Instant) -> Vec<Fault> {
        let passed = now.saturating_since(self.started_at);
        let mut due_faults = Vec::new();
        self.steps.retain_mut(|(step, due)| match due {
            Some(at) if *at <= passed => {
                due_faults.push(step.fault.clone());
                *at = next_round(step, passed);
                step.repeat
            }
            _ => true,
        });
        due_faults
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        self.steps.iter().filter_map(|(_, due)| *due).min().map(|due| self.started_at + due)
    }

    pub(super) fn waiting(&self) -> usize {
        self.steps.len()
    }

    fn take(&mut self, is_due: impl Fn(When, bool) -> bool) -> Vec<Fault> {
        let mut due = Vec::new();
        self.steps.retain(|(step, _)| {
            let strikes = is_due(step.at, step.repeat);
            if strikes {
                due.push(step.fault.clone());
            }
            !strikes || step.repeat
        });
        due
    }
}

/// The first multiple of a repeated step's time after `passed`.
fn next_round(step: &Step, passed: Duration) -> Duration {
    let When::Ms(ms) = step.at else { return Duration::MAX };
    let period = u128::from(ms.max(1));
    let next = (passed.as_millis() / period + 1).saturating_mul(period);
    Duration::from_millis(u64::try_from(next).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_epoch(Duration::from_millis(ms))
    }

    fn step(at: When, repeat: bool) -> Step {
        Step { at, fault: Fault::Cut, repeat }
    }

    #[test]
    fn a_step_strikes_at_its_count_and_only_repeats_if_told_to() {
        let script = Script(vec![step(When::Dispatch(2), false), step(When::Resume(2), true)]);
        let mut schedule = Schedule::new(script, at(0));
        let dispatches: Vec<_> = (0..4).map(|_| schedule.strike(Moment::Dispatch).len()).collect();
        assert_eq!(dispatches, [0, 1, 0, 0]);
        let resumes: Vec<_> = (0..4).map(|_| schedule.strike(Moment::Resume).len()).collect();
        assert_eq!(resumes, [0, 1, 0, 1]);
        assert_eq!(schedule.waiting(), 1);
    }

    #[test]
    fn timed_steps_count_from_the_start_and_name_their_wake_up() {
        let script = Script(vec![step(When::Ms(100), true), step(When::Ms(250), false)]);
        let mut schedule = Schedule::new(script, at(1000));
        assert_eq!(schedule.wake(), Some(at(1100)));
        assert!(schedule.elapse(at(1099)).is_empty());
        assert_eq!(schedule.elapse(at(1100)).len(), 1);
        assert_eq!(schedule.wake(), Some(at(1200)));
        assert_eq!(schedule.elapse(at(1999)).len(), 2);
        assert_eq!(schedule.wake(), Some(at(2000)));
    }

    #[test]
    fn handshakes_are_refused_as_often_as_asked_and_only_there() {
        let mut armed = Armed::default();
        let refuse = Fault::RefuseHandshake { status: 503, host: Some(Host::Resume), times: 2 };
        assert_eq!(armed.arm(refuse, at(0)), None);
        assert_eq!(armed.admit(Host::Base, at(0)), Ok(()));
        for _ in 0..2 {
            assert_eq!(armed.admit(Host::Resume, at(0)), Err(Refusal::Status(503)));
        }
        assert_eq!(armed.admit(Host::Resume, at(0)), Ok(()));
    }

    #[test]
    fn a_dead_resume_host_comes_back_in_time() {
        let mut armed = Armed::default();
        armed.arm(Fault::DeadResumeHost { ms: Some(10) }, at(0));
        assert_eq!(armed.wake(at(0)), Some(at(10)));
        assert_eq!(armed.admit(Host::Resume, at(9)), Err(Refusal::Unreachable));
        assert_eq!(armed.admit(Host::Resume, at(10)), Ok(()));
    }
}
