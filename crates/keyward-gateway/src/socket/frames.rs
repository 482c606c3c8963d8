//! Frames of a WebSocket (RFC 6455, 5), in both directions.
//!
//! What the caller sends is looked at for its form alone and goes on byte for byte. What the upstream sends
//! is framed anew: the value is looked for over all frames of a message, whatever pieces it comes in, and a
//! piece that may be its beginning waits for the next one, but never beyond the message.

use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};

use crate::meter::{Counts, Interface, Meter, Passed, Writing};
use crate::redact::{Patterns, Redactor};

/// Not what a WebSocket is made of, by the status that it is closed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Protocol,
    TooLarge,
}

/// The first bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    fin: bool,
    code: u8,
    masked: bool,
    length: u64,
    /// Its own length.
    size: usize,
}

const CONTINUES: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
const PONG: u8 = 10;
/// What a control frame holds at most.
pub(super) const LONGEST_CONTROL: usize = 125;
/// A frame of the upstream's up to this length stays one.
const WHOLE: u64 = 64 << 10;

impl Head {
    /// Reads one; `None` when more has to come.
    fn read(bytes: &[u8], masked: bool) -> Result<Option<Self>, Fault> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let (fin, code, length) = (first & 0x80 != 0, first & 0x0f, second & 0x7f);
        let control = code >= CLOSE;
        // Bits of extensions: none was agreed on.
        let odd = first & 0x70 != 0
            || !matches!(code, CONTINUES..=BINARY | CLOSE..=PONG)
            || (control && (!fin || usize::from(length) > LONGEST_CONTROL))
            || (second & 0x80 != 0) != masked;
        if odd {
            return Err(Fault::Protocol);
        }
        let (length, more) = match (length, rest) {
            (126, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 2),
            (127, rest) if rest.len() >= 8 => (u64::from_be_bytes(rest[..8].try_into().unwrap_or_default()), 8),
            (126 | 127, _) => return Ok(None),
            (length, _) => (u64::from(length), 0),
        };
        // A length has one spelling.
        if (more == 2 && length < 126) || (more == 8 && !(1 << 16..1 << 63).contains(&length)) {
            return Err(Fault::Protocol);
        }
        let size = 2 + more + if masked { 4 } else { 0 };
        Ok((bytes.len() >= size).then_some(Self { fin, code, masked, length, size }))
    }
}

/// Messages, as far as their frames have come.
#[derive(Default)]
struct Messages {
    /// Some of one has come.
    open: bool,
    length: u64,
}

impl Messages {
    /// Takes a frame that is none of control.
    fn begin(&mut self, head: &Head, most: u64) -> Result<(), Fault> {
        if self.open != (head.code == CONTINUES) {
            return Err(Fault::Protocol);
        }
        self.length = if self.open { self.length.saturating_add(head.length) } else { head.length };
        self.open = !head.fin;
        if self.length > most { Err(Fault::TooLarge) } else { Ok(()) }
    }
}

/// What a caller sends.
pub(super) struct FromCaller {
    messages: Messages,
    most: u64,
    /// What is still to come of a frame.
    left: u64,
    /// Bytes of messages so far.
    pub(super) passed: u64,
    pub(super) closed: bool,
}

impl FromCaller {
    pub(super) fn new(most: u64) -> Self {
        Self { messages: Messages::default(), most, left: 0, passed: 0, closed: false }
    }

    /// Passes on what has come of whole heads and what follows them.
    pub(super) fn take(&mut self, ahead: &mut BytesMut, out: &mut Vec<u8>) -> Result<(), Fault> {
        loop {
            let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(ahead.len());
            out.extend_from_slice(&ahead[..here]);
            ahead.advance(here);
            self.left -= here as u64;
            if self.left > 0 || self.closed {
                return Ok(());
            }
            let Some(head) = Head::read(ahead, true)? else { return Ok(()) };
            let whole = head.size + usize::try_from(head.length).unwrap_or(usize::MAX);
            match head.code {
                ..CLOSE => {
                    self.messages.begin(&head, self.most)?;
                    self.passed = self.passed.saturating_add(head.length);
                }
                _ if ahead.len() < whole => return Ok(()),
                code => self.closed = code == CLOSE,
            }
            out.extend_from_slice(&ahead[..head.size]);
            ahead.advance(head.size);
            self.left = head.length;
            if self.closed {
                out.extend_from_slice(&ahead[..whole - head.size]);
                self.left = 0;
            }
        }
    }

    /// Whether a frame may follow.
    pub(super) fn is_between(&self) -> bool {
        self.left == 0
    }
}

/// What an upstream sends.
pub(super) struct FromUpstream {
    messages: Messages,
    most: u64,
    frame: Option<Frame>,
    /// The kind of the present message, until some of it was passed on.
    code: u8,
    redactor: Option<Redactor>,
    meter: Option<Meter>,
    interface: Option<Interface>,
    patterns: Option<Arc<Patterns>>,
    pub(super) tally: Tally,
    /// Bytes of messages that were passed on.
    pub(super) passed: u64,
    pub(super) hits: u64,
    pub(super) closed: bool,
}

struct Frame {
    left: u64,
    fin: bool,
}

/// What messages have told.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) counts: Counts,
    pub(super) model: Option<String>,
    /// Text since the last counts.
    pub(super) since: Passed,
}

impl FromUpstream {
    /// `patterns`: what must not pass.
    pub(super) fn new(patterns: Option<Arc<Patterns>>, interface: Option<Interface>, most: u64) -> Self {
        Self {
            messages: Messages::default(),
            most,
            frame: None,
            code: TEXT,
            redactor: patterns.clone().map(Redactor::new),
            meter: None,
            interface,
            patterns,
            tally: Tally::default(),
            passed: 0,
            hits: 0,
            closed: false,
        }
    }

    /// Passes on what may be.
    pub(super) fn take(&mut self, ahead: &mut BytesMut, out: &mut Vec<u8>) -> Result<(), Fault> {
        while !self.closed {
            if let Some(frame) = &mut self.frame {
                if frame.left > ahead.len() as u64 && (frame.left <= WHOLE || ahead.is_empty()) {
                    return Ok(());
                }
                let here = usize::try_from(frame.left).unwrap_or(usize::MAX).min(ahead.len());
                frame.left -= here as u64;
                let (ended, fin) = (frame.left == 0, frame.left == 0 && frame.fin);
                if ended {
                    self.frame = None;
                }
                self.data(ahead.split_to(here).freeze(), fin, out);
                continue;
            }
            let Some(head) = Head::read(ahead, false)? else { return Ok(()) };
            if head.code < CLOSE {
                self.messages.begin(&head, self.most)?;
                ahead.advance(head.size);
                if head.code != CONTINUES {
                    self.code = head.code;
                    self.meter = self.interface.map(|interface| Meter::new(interface, Writing::Json, false));
                }
                self.frame = Some(Frame { left: head.length, fin: head.fin });
                continue;
            }
            let whole = head.size + usize::try_from(head.length).unwrap_or(usize::MAX);
            if ahead.len() < whole {
                return Ok(());
            }
            ahead.advance(head.size);
            let payload = ahead.split_to(whole - head.size).freeze();
            self.control(head.code, payload, out);
        }
        Ok(())
    }

    /// Whether what is used is said in it.
    pub(super) fn is_metered(&self) -> bool {
        self.interface.is_some()
    }

    fn data(&mut self, bytes: Bytes, fin: bool, out: &mut Vec<u8>) {
        let bytes = match &mut self.meter {
            Some(meter) => meter.push(bytes),
            None => bytes,
        };
        let (piece, rest) = match &mut self.redactor {
            Some(redactor) => (redactor.push(bytes), if fin { redactor.finish() } else { Bytes::new() }),
            None => (bytes, Bytes::new()),
        };
        if fin {
            self.count();
        }
        let length = piece.len() + rest.len();
        // What waits for the next frame of its message is no frame yet.
        if length > 0 || fin {
            let code = std::mem::replace(&mut self.code, CONTINUES);
            begin(out, (fin, code), length, None);
            out.extend_from_slice(&piece);
            out.extend_from_slice(&rest);
            self.passed += length as u64;
        }
        self.hits = self.redactor.as_ref().map_or(0, Redactor::hits);
    }

    /// A message has ended.
    fn count(&mut self) {
        let Some(mut meter) = self.meter.take() else { return };
        meter.finish();
        let said = meter.said();
        let Tally { counts, model, since } = &mut self.tally;
        if let Some(more) = said.counts {
            counts.add(&more);
            *since = Passed::default();
        }
        since.pieces += said.since.pieces;
        since.bytes += said.since.bytes;
        *model = model.take().or(said.model);
    }

    fn control(&mut self, code: u8, payload: Bytes, out: &mut Vec<u8>) {
        let payload = match &self.patterns {
            Some(patterns) => {
                let mut redactor = Redactor::new(Arc::clone(patterns));
                [redactor.push(payload), redactor.finish()].concat().into()
            }
            None => payload,
        };
        begin(out, (true, code), payload.len(), None);
        out.extend_from_slice(&payload);
        self.closed = code == CLOSE;
    }
}

/// Writes the head of a frame.
fn begin(out: &mut Vec<u8>, (fin, code): (bool, u8), length: usize, mask: Option<[u8; 4]>) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(if fin { 0x80 | code } else { code });
    match length {
        ..126 => out.push(masked | length as u8),
        126..0x1_0000 => {
            out.push(masked | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask.unwrap_or_default()[..if mask.is_some() { 4 } else { 0 }]);
}

/// Writes a frame that says why there will be no more, as one's own side has to.
pub(super) fn close(out: &mut Vec<u8>, status: u16, why: &str, mask: Option<[u8; 4]>) {
    let mut length = why.len().min(LONGEST_CONTROL - 2);
    while !why.is_char_boundary(length) {
        length -= 1;
    }
    let payload = [&status.to_be_bytes()[..], &why.as_bytes()[..length]].concat();
    begin(out, (true, CLOSE), payload.len(), mask);
    let mask = mask.unwrap_or_default();
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}
