// What the mock gateway can be asked to do, as it goes over the wire. The only place that knows these payloads.
// Must never know the page or how requests are sent.

/** @type {readonly { id: string, label: string, hint: string, body: (value?: number) => object, value?: object }[]} */
export const FAULTS = [
  {
    id: "cut",
    label: "Cut the connection",
    hint: "The line breaks off without a close frame.",
    body: () => ({ fault: "cut" }),
  },
  {
    id: "reconnect",
    label: "Ask to reconnect",
    hint: "Opcode 7, as on each of Discord's deployments.",
    body: () => ({ fault: "reconnect" }),
  },
  {
    id: "invalid-resumable",
    label: "Invalid session, resumable",
    hint: "Opcode 9 with true: the session may be resumed.",
    body: () => ({ fault: "invalid_session", resumable: true }),
  },
  {
    id: "invalid",
    label: "Invalid session, gone",
    hint: "Opcode 9 with false: a new session is needed.",
    body: () => ({ fault: "invalid_session", resumable: false }),
  },
  {
    id: "silence",
    label: "Go silent",
    hint: "Heartbeats are no longer answered.",
    body: () => ({ fault: "silence" }),
  },
  {
    id: "corrupt",
    label: "Corrupt bytes",
    hint: "The next message cannot be decoded.",
    body: () => ({ fault: "corrupt" }),
  },
  {
    id: "close",
    label: "Close with code",
    hint: "The Gateway closes with the code in the field.",
    value: { label: "Close code", initial: 4009, min: 1000, max: 4999 },
    body: (code) => ({ fault: "close", code }),
  },
  {
    id: "refuse",
    label: "Refuse next connects",
    hint: "The next connections are refused, as many as the field says.",
    value: { label: "How many connects", initial: 3, min: 1, max: 20 },
    body: (times) => ({ fault: "refuse_handshake", status: 503, times }),
  },
];
