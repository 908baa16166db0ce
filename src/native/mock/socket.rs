//! One WebSocket connection: reads messages and tells the owner, writes what the owner sends. Knows no session.

use std::sync::{Arc, atomic::Ordering};

use futures::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    time,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WebSocketError, Message,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame as WireFrame,
                coding::{Data, OpCode},
            },
        },
    },
};

use super::owner::{Ask, GOODBYE, LOW, Line, Load, size};
use crate::{
    proto::{Close, Frame},
    testing::{Fragments, Host, Peer, ServerOutput},
};

/// Messages waiting for one client, at most.
const LINE: usize = 16_384;
/// Messages that are read, in bytes. Far above what the gateway allows, so that it can say so.
const LARGEST_MESSAGE: usize = 4 << 20;

/// How a connection came to its end.
enum End {
    /// The client's doing.
    Left(Option<Close>),
    /// Ours, with a close frame.
    Closed,
    /// Ours, without.
    Cut,
}

pub(super) async fn serve_websocket(
    upgraded: Upgraded,
    host: Host,
    query: String,
    asks: mpsc::Sender<Ask>,
) {
    // The service runs on nothing but `TcpStream`s.
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else { return };
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST_MESSAGE));
    let (tcp, early) = (parts.io.into_inner(), parts.read_buf.to_vec());
    let socket = WebSocketStream::from_partially_read(tcp, early, Role::Server, Some(config)).await;
    let (outputs, mut inbox) = mpsc::channel(LINE);
    let load = Arc::<Load>::default();
    let line = Line { outputs, load: load.clone() };
    let (reply, number) = oneshot::channel();
    if asks.send(Ask::Connected { host, query, line, reply }).await.is_err() {
        return;
    }
    let Ok(peer) = number.await else { return };
    let (mut sink, mut stream) = socket.split();
    let end = tokio::select! {
        end = read(&mut stream, peer, &asks) => end,
        end = write(&mut sink, &mut inbox, &load, peer, &asks) => end,
        () = load.cut.notified() => End::Cut,
    };
    let is_farewell = matches!(end, End::Left(Some(_)));
    let close = match end {
        End::Left(close) => close,
        End::Closed => None,
        End::Cut => {
            if let Ok(socket) = stream.reunite(sink) {
                // Makes the drop send a reset; without it the client sees an end of stream, which is much the same.
                let _ = socket.get_ref().set_zero_linger();
            }
            // Without an owner nobody wants to know.
            let _ = asks.send(Ask::Gone(peer, None)).await;
            return;
        }
    };
    // Before the answer to a close frame: whoever has it may be back on another connection at once.
    let _ = asks.send(Ask::Gone(peer, close)).await;
    if is_farewell {
        // Reading on answers the close frame and waits for the end of the stream.
        let _ = time::timeout(GOODBYE, stream.next()).await;
    }
}

async fn read(
    stream: &mut SplitStream<WebSocketStream<TcpStream>>,
    peer: Peer,
    asks: &mpsc::Sender<Ask>,
) -> End {
    loop {
        let frame = match stream.next().await {
            Some(Ok(Message::Text(text))) => Frame::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(bytes))) => Frame::Binary(bytes.to_vec()),
            Some(Ok(Message::Close(frame))) => {
                let close = frame.map_or(Close::new(1005, ""), |CloseFrame { code, reason }| {
                    Close { code: code.into(), reason: reason.as_str().to_owned().into() }
                });
                return End::Left(Some(close));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Err(_)) | None => return End::Left(None),
        };
        if asks.send(Ask::Received(peer, frame)).await.is_err() {
            return End::Cut;
        }
    }
}

async fn write(
    sink: &mut SplitSink<WebSocketStream<TcpStream>, Message>,
    inbox: &mut mpsc::Receiver<ServerOutput>,
    load: &Load,
    peer: Peer,
    asks: &mpsc::Sender<Ask>,
) -> End {
    while let Some(output) = inbox.recv().await {
        let size = size(&output);
        let (messages, is_last) = match output {
            ServerOutput::Send(_, Frame::Text(text)) => (vec![Message::text(text)], false),
            ServerOutput::Send(_, Frame::Binary(bytes)) => (vec![Message::binary(bytes)], false),
            ServerOutput::SendFragments(_, fragments) => (in_fragments(fragments), false),
            ServerOutput::Close(_, Close { code, reason }) => {
                let frame = CloseFrame { code: code.into(), reason: reason.into_owned().into() };
                (vec![Message::Close(Some(frame))], true)
            }
            ServerOutput::CloseWithoutCode(_) => (vec![Message::Close(None)], true),
            ServerOutput::Cut(_) => return End::Cut,
            ServerOutput::Wait(_) => continue,
        };
        if feed(sink, messages, inbox.is_empty() || is_last).await.is_err() {
            // Reading tells how it ended.
            return std::future::pending().await;
        }
        if is_last {
            time::sleep(GOODBYE).await;
            return End::Closed;
        }
        let waiting = load.bytes.fetch_sub(size, Ordering::AcqRel).saturating_sub(size);
        if waiting < LOW && load.is_congested.swap(false, Ordering::AcqRel) {
            // Without an owner nobody wants to know.
            let _ = asks.send(Ask::Relieved(peer)).await;
        }
    }
    End::Cut
}

/// Writes messages, and flushes unless more are at hand.
async fn feed(
    sink: &mut SplitSink<WebSocketStream<TcpStream>, Message>,
    messages: Vec<Message>,
    flush: bool,
) -> Result<(), WebSocketError> {
    for message in messages {
        sink.feed(message).await?;
    }
    if flush { sink.flush().await } else { Ok(()) }
}

fn in_fragments(Fragments { text, parts }: Fragments) -> Vec<Message> {
    let last = parts.len().saturating_sub(1);
    let first = if text { Data::Text } else { Data::Binary };
    let frames = parts.into_iter().enumerate().map(|(index, part)| {
        let kind = if index == 0 { first } else { Data::Continue };
        Message::Frame(WireFrame::message(part, OpCode::Data(kind), index == last))
    });
    frames.collect()
}
