//! Replays a trace to any number of connections. All that it says was encoded before the first one, so that it costs less than
//! any client; what clients say is looked at only as far as the protocol needs it.

use std::{
    collections::HashMap,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use tungstenite::{
    Message, WebSocket, accept_hdr,
    handshake::server::{ErrorResponse, Request, Response},
};

use crate::{
    stream::{Codec, Stream},
    trace::{self, Trace},
};

/// A connection's thread does nothing deep; there may be a thousand.
const STACK: usize = 256 << 10;
/// Acknowledgements that stand ready behind the last event.
const ACKS: usize = 1000;

/// Between the handshake and HELLO: cloudstorm loses what comes in one packet with the handshake.
const BEFORE_HELLO: Duration = Duration::from_millis(50);

/// How steady events follow the burst. Each mode has a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// At once, as fast as they are read.
    Flood,
    /// The same, once the client has sent something more: for those who are measured from outside.
    Held,
    /// So many in a second.
    Paced(u32),
    /// Not at all, and no guilds either; a resume is answered too.
    Idle,
}

/// All that is said in one codec.
pub struct Script {
    replay: Stream,
    idle: Stream,
    resumed: Stream,
    /// Messages of `replay` up to the last guild.
    burst: usize,
    /// Messages of `replay` up to the last event.
    events: usize,
    /// How many of them remain where others than messages are left out once the session stands.
    filtered: usize,
}

/// What every connection may look up.
pub type Scripts = Arc<HashMap<Codec, Script>>;

/// When the events of a paced connection were sent, in microseconds since 1970.
pub type Sent = Vec<u64>;

impl Script {
    /// Encodes everything.
    ///
    /// # Errors
    ///
    /// If a compressor fails.
    pub fn new(trace: &Trace, codec: Codec) -> Result<Self> {
        let mut replay = Stream::new(codec)?;
        replay.push(&trace::hello())?;
        let mut filtered = 0;
        for text in trace.dispatches() {
            replay.push(&text)?;
            filtered += usize::from(trace::is_kept(&text));
        }
        let events = replay.count();
        let mut idle = Stream::new(codec)?;
        let mut resumed = Stream::new(codec)?;
        for (stream, answer) in [(&mut idle, trace::bare_ready()), (&mut resumed, trace::resumed())]
        {
            stream.push(&trace::hello())?;
            stream.push(&answer)?;
        }
        for stream in [&mut replay, &mut idle, &mut resumed] {
            for _ in 0..ACKS {
                stream.push(&trace::ack())?;
            }
        }
        let burst = 1 + usize::try_from(trace.burst())?;
        Ok(Self { replay, idle, resumed, burst, events, filtered })
    }

    /// How many events a client gets that takes [`trace::KEPT`] only.
    pub fn filtered(&self) -> usize {
        self.filtered
    }

    /// Bytes of the steady events as they cross the socket.
    pub fn steady_bytes(&self) -> usize {
        self.replay.messages(self.burst, self.events).len()
    }
}

/// Listens on a free port and serves whoever comes, on threads of its own. `sent` is told of each paced connection that is
/// through.
///
/// # Errors
///
/// If there is no port.
pub fn listen(
    mode: Mode,
    scripts: &Scripts,
    sent: impl Fn(Sent) + Clone + Send + 'static,
) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
    let address = listener.local_addr()?;
    let scripts = Arc::clone(scripts);
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (scripts, sent) = (Arc::clone(&scripts), sent.clone());
            // How a connection ends is the client's affair, which is asked what it got.
            let serve = move || serve(socket, mode, &scripts, sent).unwrap_or_default();
            let _ = thread::Builder::new().stack_size(STACK).spawn(serve);
        }
    });
    Ok(address)
}

fn serve(socket: TcpStream, mode: Mode, scripts: &Scripts, sent: impl Fn(Sent)) -> Result<()> {
    socket.set_nodelay(true)?;
    let asked = Arc::new(OnceLock::new());
    let told = Arc::clone(&asked);
    #[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
    let keep = move |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        told.get_or_init(|| Codec::asked_for(request.uri().query().unwrap_or_default()));
        Ok(response)
    };
    let mut socket = accept_hdr(socket, keep)?;
    let codec = asked.get().copied().flatten().context("a codec that is not known")?;
    let script = scripts.get(&codec).context("a codec that was not prepared")?;
    let mut owed = 0;
    thread::sleep(BEFORE_HELLO);
    // All streams begin with the same bytes.
    socket.get_mut().write_all(script.replay.messages(0, 1))?;
    let is_resume = loop {
        match heard(&mut socket)? {
            Heard::Heartbeat => owed += 1,
            Heard::Other => {}
            Heard::Identify => break false,
            Heard::Resume => break true,
        }
    };
    let (stream, mut next) = match mode {
        _ if is_resume => (&script.resumed, 2),
        Mode::Idle => (&script.idle, 2),
        _ => (&script.replay, script.events),
    };
    match mode {
        Mode::Idle => socket.get_mut().write_all(stream.messages(1, 2))?,
        _ if is_resume => socket.get_mut().write_all(stream.messages(1, 2))?,
        Mode::Flood => socket.get_mut().write_all(stream.messages(1, next))?,
        Mode::Held => {
            socket.get_mut().write_all(stream.messages(1, script.burst))?;
            while heard(&mut socket)? == Heard::Heartbeat {
                owed += 1;
            }
            socket.get_mut().write_all(stream.messages(script.burst, next))?;
        }
        Mode::Paced(rate) => {
            socket.get_mut().write_all(stream.messages(1, script.burst))?;
            sent(pace(&mut socket, stream, script.burst, next, rate)?);
        }
    }
    loop {
        while owed > 0 && next < stream.count() {
            socket.get_mut().write_all(stream.messages(next, next + 1))?;
            (owed, next) = (owed - 1, next + 1);
        }
        if heard(&mut socket)? == Heard::Heartbeat {
            owed += 1;
        }
    }
}

/// Sends the messages with these numbers one by one, after a second in which the burst can be digested.
fn pace(
    socket: &mut WebSocket<TcpStream>,
    stream: &Stream,
    from: usize,
    to: usize,
    rate: u32,
) -> Result<Sent> {
    let mut due = Instant::now() + Duration::from_secs(1);
    let mut sent = Vec::with_capacity(to - from);
    for number in from..to {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        sent.push(u64::try_from(now.as_micros())?);
        socket.get_mut().write_all(stream.messages(number, number + 1))?;
        due += Duration::from_secs(1) / rate;
    }
    Ok(sent)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Heartbeat,
    Identify,
    Resume,
    Other,
}

/// Waits for the client's next message; its end is an error.
fn heard(socket: &mut WebSocket<TcpStream>) -> Result<Heard> {
    loop {
        let message = match socket.read()? {
            Message::Text(text) => text.as_bytes().to_vec(),
            Message::Binary(bytes) => bytes.to_vec(),
            _ => continue,
        };
        return Ok(match opcode(&message) {
            Some(1) => Heard::Heartbeat,
            Some(2) => Heard::Identify,
            Some(6) => Heard::Resume,
            _ => Heard::Other,
        });
    }
}

/// The opcode of a message in either encoding: what stands under the first key `op`.
fn opcode(message: &[u8]) -> Option<u8> {
    let after = |key: &[u8]| {
        let at = message.windows(key.len()).position(|window| window == key)?;
        message.get(at + key.len()..)
    };
    if let Some(rest) = after(b"\"op\"") {
        let digits = rest.iter().skip_while(|byte| !byte.is_ascii_digit());
        return digits
            .take_while(|byte| byte.is_ascii_digit())
            .try_fold(0_u8, |number, digit| number.checked_mul(10)?.checked_add(digit - b'0'));
    }
    match after(b"\x02op")? {
        // The two kinds of small integers.
        [97, small, ..] | [98, 0, 0, 0, small, ..] => Some(*small),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, sync::mpsc};

    use serde_json::Value;
    use tungstenite::connect;

    use super::*;
    use crate::trace::{Plan, Steady};

    const PLAN: Plan = Plan { seed: 3, guilds: 2, events: 30, steady: Steady::Mixed };

    fn scripts() -> Scripts {
        let codec = Codec::asked_for("").expect("known");
        Arc::new(HashMap::from([(
            codec,
            Script::new(&Trace::Made(PLAN), codec).expect("it is encoded"),
        )]))
    }

    /// Connects, says `greeting` after HELLO and gives the opcodes and sequence numbers of `count` messages.
    fn talk(mode: Mode, says: &[&str], count: usize) -> (Vec<(u64, u64)>, Option<Sent>) {
        let (sender, receiver) = mpsc::channel();
        let address = listen(mode, &scripts(), move |sent| sender.send(sent).expect("is awaited"));
        let (mut socket, _) =
            connect(format!("ws://{}", address.expect("it listens"))).expect("it accepts");
        assert_eq!(next(&mut socket), (10, 0));
        for text in says {
            socket.send(Message::text(*text)).expect("it listens");
        }
        let heard = (0..count).map(|_| next(&mut socket)).collect();
        (heard, receiver.try_recv().ok())
    }

    /// Opcode and sequence number of the next message.
    fn next(socket: &mut WebSocket<impl Read + Write>) -> (u64, u64) {
        let message = socket.read().expect("it speaks");
        let value: Value =
            serde_json::from_str(message.to_text().expect("in text")).expect("in JSON");
        (value["op"].as_u64().unwrap_or_default(), value["s"].as_u64().unwrap_or_default())
    }

    const IDENTIFY: &str = r#"{"op":2,"d":{}}"#;
    const HEARTBEAT: &str = r#"{"op":1,"d":null}"#;

    fn dispatches(to: u64) -> Vec<(u64, u64)> {
        (1..=to).map(|sequence| (0, sequence)).collect()
    }

    #[test]
    fn a_flood_is_all_events_and_heartbeats_are_acknowledged_behind_it() {
        let (heard, _) = talk(Mode::Flood, &[HEARTBEAT, IDENTIFY, HEARTBEAT], 35);
        assert_eq!(heard[..33], dispatches(33));
        assert_eq!(heard[33..], [(11, 0); 2]);
    }

    #[test]
    fn held_events_come_after_the_clients_next_message() {
        let (heard, _) = talk(Mode::Held, &[IDENTIFY], 3);
        assert_eq!(heard, dispatches(3));
        let (heard, _) = talk(Mode::Held, &[IDENTIFY, r#"{"op":3}"#], 33);
        assert_eq!(heard, dispatches(33));
    }

    #[test]
    fn the_times_of_paced_events_are_told() {
        let (heard, sent) = talk(Mode::Paced(1000), &[IDENTIFY, HEARTBEAT], 34);
        assert_eq!(heard[..33], dispatches(33));
        let sent = sent.expect("told before the acknowledgement");
        assert_eq!(sent.len(), 30);
        assert!(sent.is_sorted(), "{sent:?}");
    }

    #[test]
    fn idle_connections_identify_or_resume() {
        assert_eq!(talk(Mode::Idle, &[IDENTIFY, HEARTBEAT], 2).0, [(0, 1), (11, 0)]);
        let resume = r#"{"op":6,"d":{}}"#;
        assert_eq!(talk(Mode::Idle, &[resume, HEARTBEAT], 2).0, [(0, 2), (11, 0)]);
    }

    #[test]
    fn all_streams_of_a_codec_begin_with_the_same_bytes() {
        for codec in Codec::all() {
            let script = Script::new(&Trace::Made(PLAN), codec).expect("it is encoded");
            let hello = |stream: &Stream| stream.messages(0, 1).to_vec();
            assert_eq!(hello(&script.idle), hello(&script.replay), "{codec}");
            assert_eq!(hello(&script.resumed), hello(&script.replay), "{codec}");
        }
    }

    #[test]
    fn opcodes_are_found_in_both_encodings() {
        for (message, expected) in [
            (&br#"{"op":2,"d":{}}"#[..], Some(2)),
            (br#"{ "d": {"properties": {}}, "op": 11 }"#, Some(11)),
            (b"\x83\x74\0\0\0\x01\x6d\0\0\0\x02op\x61\x06", Some(6)),
            (b"\x83\x74\0\0\0\x01\x64\0\x02op\x62\0\0\0\x02", Some(2)),
            (b"{}", None),
        ] {
            assert_eq!(opcode(message), expected);
        }
    }
}
