//! JSON at and beyond the edge, as the data of events: each document reaches the user or becomes one notice, and the
//! session lives. The documents are made by `tests/vectors/json/make.mjs`; `tests/pkg/corners.test.mjs` gives them to the
//! package.

use std::{cell::RefCell, rc::Rc};

use flate2::{Compress, FlushCompress};
use shardwire::{
    proto::{Compression, Event, Frame, Notice, Opcode},
    testing::{ByHand, Heard, Line, World},
};

use crate::support::*;

/// What is sent right behind each document.
const GOOD: &str = "GOOD";

struct Corner {
    name: String,
    bytes: Vec<u8>,
    /// What the user gets: the text as it stands, without the white space around it. `None` if it breaks its envelope.
    expected: Option<String>,
}

fn corners() -> Vec<Corner> {
    include_str!("../vectors/json/corners.jsonl").lines().map(corner).collect()
}

fn corner(line: &str) -> Corner {
    let document: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    let pieces = document["pieces"].as_array().expect("a list of pieces");
    let bytes: Vec<u8> = pieces.iter().flat_map(piece).collect();
    let is_event = document["outcome"] == "event";
    let expected = is_event.then(|| {
        let text = std::str::from_utf8(&bytes).expect("what reaches the user is text");
        text.trim_matches([' ', '\t', '\n', '\r']).to_owned()
    });
    Corner { name: document["name"].as_str().expect("a name").to_owned(), bytes, expected }
}

fn piece(piece: &serde_json::Value) -> Vec<u8> {
    let bytes = |hex: &str| {
        let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("a byte")).collect()
    };
    match (piece.as_str(), piece["hex"].as_str()) {
        (Some(text), _) => text.into(),
        (_, Some(hex)) => bytes(hex),
        _ => {
            let text = piece[0].as_str().expect("a text to repeat");
            let times = piece[1].as_u64().expect("how often");
            text.repeat(usize::try_from(times).expect("not too often")).into()
        }
    }
}

/// A server that keeps what it said, and says it again to who resumes.
#[derive(Default)]
struct Said {
    /// The nth message has the sequence number n + 1.
    messages: Vec<Vec<u8>>,
    deflater: Option<Compress>,
}

impl Said {
    fn new(compression: Compression) -> Rc<RefCell<Self>> {
        let is_compressed = compression != Compression::None;
        let deflater = is_compressed.then(|| Compress::new(flate2::Compression::default(), true));
        Rc::new(RefCell::new(Self { messages: Vec::new(), deflater }))
    }

    fn react(&mut self, heard: &Heard, line: &mut Line) {
        match heard {
            Heard::Connected(_) => {
                if let Some(deflater) = &mut self.deflater {
                    deflater.reset();
                }
                self.say(HELLO.as_bytes(), line);
            }
            Heard::Message(Opcode::HEARTBEAT, _) => self.say(ACK.as_bytes(), line),
            Heard::Message(Opcode::IDENTIFY, _) => self.keep(READY.into(), line),
            Heard::Message(Opcode::RESUME, resume) => {
                let resume: serde_json::Value = serde_json::from_str(resume).expect("JSON");
                let seen = resume["seq"].as_u64().expect("a number");
                let seen = usize::try_from(seen).expect("not so many");
                let messages = std::mem::take(&mut self.messages);
                messages[seen..].iter().for_each(|message| self.say(message, line));
                self.messages = messages;
                self.event("RESUMED", b"{}", line);
            }
            _ => {}
        }
    }

    /// Says an event with the next sequence number.
    fn event(&mut self, name: &str, data: &[u8], line: &mut Line) {
        let sequence = self.messages.len() + 1;
        let start = format!(r#"{{"t":"{name}","s":{sequence},"op":0,"d":"#);
        self.keep([start.as_bytes(), data, b"}"].concat(), line);
    }

    fn keep(&mut self, message: Vec<u8>, line: &mut Line) {
        self.say(&message, line);
        self.messages.push(message);
    }

    fn say(&mut self, message: &[u8], line: &mut Line) {
        line.frame(match &mut self.deflater {
            None => Frame::Text(String::from_utf8(message.to_vec()).expect("text, as it must be")),
            Some(deflater) => {
                let mut out = Vec::with_capacity(message.len() + 1024);
                deflater.compress_vec(message, &mut out, FlushCompress::Sync).expect("in memory");
                Frame::Binary(out)
            }
        });
    }
}

/// A shard whose server waits for documents.
struct Stage {
    world: World<ByHand>,
    said: Rc<RefCell<Said>>,
}

impl Stage {
    fn new(compression: Compression) -> Self {
        let said = Said::new(compression);
        let server = Rc::clone(&said);
        let react = move |heard: &Heard, line: &mut Line| server.borrow_mut().react(heard, line);
        let config = config().compression(compression).build().expect("valid");
        let mut world = World::against(ByHand::new(react), config);
        world.start();
        world.until_ready();
        world.take_events();
        Self { world, said }
    }

    /// Sends a document and a good event, and looks at what the user saw of them.
    fn play(&mut self, corner: &Corner) {
        let Corner { name, bytes, expected } = corner;
        let line = self.world.server_mut().line();
        self.said.borrow_mut().event("CORNER", bytes, line);
        self.said.borrow_mut().event(GOOD, b"{}", line);
        self.world.pass_ms(100);
        self.world.until_ready();
        let mut seen: Vec<Option<String>> = Vec::new();
        let mut is_followed = false;
        for event in self.world.take_events() {
            // Whatever it holds, it can be shown.
            serde_json::to_string(&event).expect("events are JSON");
            match event {
                Event::Dispatch(dispatch) if &*dispatch.name == "CORNER" => {
                    seen.push(Some(dispatch.data.into()));
                }
                Event::Dispatch(dispatch) if &*dispatch.name == GOOD => is_followed = true,
                Event::Notice(Notice::Unreadable(_)) => seen.push(None),
                _ => {}
            }
        }
        assert_eq!(seen.len(), 1, "{name}: seen once");
        assert!(seen[0] == *expected, "{name}: seen as it was sent, or not at all");
        assert!(is_followed, "{name}: the next event came");
        assert_eq!(self.world.sent(Opcode::IDENTIFY).len(), 1, "{name}: the session lives");
    }
}

/// Text messages cannot hold what is no text.
fn fits(corner: &Corner, compression: Compression) -> bool {
    compression != Compression::None || std::str::from_utf8(&corner.bytes).is_ok()
}

#[test]
fn there_are_many_corners_of_both_kinds() {
    let corners = corners();
    assert!(corners.len() > 800, "{}", corners.len());
    assert!(corners.iter().filter(|corner| corner.expected.is_none()).count() > 200);
}

#[test]
fn in_one_session_each_corner_reaches_the_user_or_is_told_once() {
    for compression in [Compression::None, Compression::ZlibStream] {
        let mut stage = Stage::new(compression);
        for corner in corners().iter().filter(|corner| fits(corner, compression)) {
            stage.play(corner);
        }
        assert_eq!(
            faults(&stage.world).len(),
            1,
            "only the first unreadable one cost a connection"
        );
    }
}

#[test]
fn as_the_only_one_of_its_session_each_corner_costs_one_connection_at_most() {
    for compression in [Compression::None, Compression::ZlibStream] {
        for corner in corners().iter().filter(|corner| fits(corner, compression)) {
            let mut stage = Stage::new(compression);
            stage.play(corner);
            let codes: Vec<_> =
                faults(&stage.world).iter().map(shardwire::proto::Fault::code).collect();
            let is_unreadable = corner.expected.is_none();
            assert_eq!(codes, if is_unreadable { vec!["bad-envelope"] } else { vec![] });
        }
    }
}
