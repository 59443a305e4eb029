// The Live tab: sound of the microphone, or a text, goes into the socket; each turn that comes back is a video that is
// played when it can be played to its end without a stop. Between turns the portrait idles.

const room = element.querySelector(".live");
const about = JSON.parse(room.dataset.about);
const part = (name) => room.querySelector(`.live-${name}`);
const outside = (selector) => document.querySelector(selector);
const root = (window.gradio_config?.root ?? location.origin).replace(/\/$/, "");
const Media = window.ManagedMediaSource ?? window.MediaSource;
const MIME = 'video/mp4; codecs="avc1.640028, mp4a.40.2"';

const SAFE = 0.9; // Of the speed that was measured: a machine may get busier.
const LEAST_SECONDS = 0.6; // Frames come a dozen at a time.
const IDLES = 3; // So many different ones; the next is made when there is nothing else to do.
const QUIET_SECONDS = 0.8; // Sent when the microphone is closed: the server then knows that the utterance is over.

const WORKLET = `registerProcessor("moditalker-pcm", class extends AudioWorkletProcessor {
    constructor() { super(); this.kept = []; }
    process([[channel]]) {
        if (channel) this.kept.push(channel.slice());
        if (this.kept.length === 16) {
            const all = new Float32Array(16 * 128);
            this.kept.forEach((one, index) => all.set(one, index * 128));
            this.port.postMessage(all);
            this.kept = [];
        }
        return true;
    }
});`;

let live = null; // The session: socket, turns and all that ends with it.

// ------------------------------------------------------------------ what is said on the page

const words = (text, kind = "plain") => {
    const note = part("note");
    note.textContent = text;
    note.className = `live-note note note-${kind}`;
};

const number = (name, value) => { room.querySelector(`[data-number=${name}]`).textContent = value; };

const buttons = () => {
    part("start").hidden = live !== null;
    part("stop").hidden = live === null;
    for (const name of ["microphone", "say"]) part(name).disabled = !live?.ready;
    part("microphone").textContent = live?.microphone ? "Close the microphone" : "Speak";
    part("microphone").setAttribute("aria-pressed", String(Boolean(live?.microphone)));
};

// ------------------------------------------------------------------ videos

/** One turn's video, appended while it comes. */
class Turn {
    constructor({ turn, kind, at }, session) {
        this.number = turn;
        this.kind = kind;
        this.began = performance.now();
        this.spoken = kind === "speech" ? session.clock + 1000 * at : (session.typed.shift() ?? this.began);
        this.parts = [];
        this.complete = false;
        this.media = new Media();
        this.video = Object.assign(document.createElement("video"), {
            playsInline: true,
            disableRemotePlayback: true,
            muted: kind === "idle",
            src: URL.createObjectURL(this.media),
            onended: () => ended(this),
            onwaiting: () => { if (live?.current === this) show(live.idling?.video); },
            onplaying: () => show(this.video),
        });
        this.video.dataset.kind = kind;
        this.media.onsourceopen = () => {
            this.buffer = this.media.addSourceBuffer(MIME);
            this.buffer.onupdateend = () => { this.append(); consider(); };
            this.append();
        };
        part("stage").append(this.video);
    }

    get made() {
        const ranges = this.video.buffered;
        return ranges.length ? ranges.end(ranges.length - 1) : 0;
    }

    append() {
        if (!this.buffer || this.buffer.updating || this.media.readyState !== "open") return;
        if (this.parts.length) this.buffer.appendBuffer(this.parts.shift());
        else if (this.complete) this.media.endOfStream();
    }

    remove() {
        URL.revokeObjectURL(this.video.src);
        this.video.remove();
    }
}

const show = (video) => {
    for (const one of part("stage").children) one.classList.toggle("shown", one === (video ?? part("still")));
};

/** When what is missing will be there before it is needed. */
const enough = (turn) => {
    if (turn.complete) return turn.parts.length === 0;
    if (turn.made < LEAST_SECONDS || !live.speed) return false;
    if (live.speed * SAFE > 1) return true;
    return turn.seconds !== undefined && turn.made >= turn.seconds * (1 - SAFE * live.speed);
};

const idle = () => {
    if (!live || live.current) return;
    const whole = live.idles.filter((one) => one.complete && one.made > 0);
    live.idling = whole[Math.floor(Math.random() * whole.length)] ?? null;
    if (!live.idling) return show(null);
    live.idling.video.currentTime = 0;
    live.idling.video.play().catch(() => {});
};

const consider = () => {
    if (!live || live.current) return;
    const next = live.turns[0];
    if (!next) {
        if (!live.idling) idle();
        return;
    }
    if (!enough(next)) return;
    live.turns.shift();
    live.current = next;
    number("delay", `${((performance.now() - next.spoken) / 1000).toFixed(1)} s`);
    words(next.kind === "speech" ? "The portrait says what you said." : "The portrait answers.", "good");
    next.video.play().catch(() => words("The browser lets no sound play: click into the page.", "warning"));
};

const ended = (turn) => {
    if (!live) return;
    if (turn.kind === "idle") {
        live.idling = null;
        return idle();
    }
    live.current = null;
    turn.remove();
    live.idling = null;
    if (!live.turns.length) words(live.microphone ? "It listens." : "It waits for you.");
    idle();
    consider();
};

// ------------------------------------------------------------------ what the server says

const HEARD = {
    ready: (event) => {
        live.ready = true;
        words([...event.warnings, "Its face at rest is being drawn. You may speak already."].join(" "));
        ask({ idle: about.idle });
        buttons();
    },
    waiting: ({ before }) => {
        words(`Waiting: ${before === 1 ? "1 request comes" : `${before} requests come`} before yours.`, "waiting");
    },
    begins: (event) => {
        const turn = new Turn(event, live);
        live.coming = turn;
        (turn.kind === "idle" ? live.idles : live.turns).push(turn);
    },
    heard: ({ seconds }) => { live.coming.seconds = seconds; consider(); },
    made: ({ seconds, work }) => {
        const turn = live.coming;
        turn.complete = true;
        turn.append();
        // Of what is spoken, only a slow machine's speed shows: a fast one waits for the voice.
        if (seconds > 0 && (turn.kind !== "speech" || seconds / work < SAFE)) {
            live.speed = seconds / work;
            number("speed", `${live.speed.toFixed(2)} s`);
            part("slow").hidden = live.speed * SAFE > 1;
        }
        if (turn.kind === "idle") {
            if (seconds < about.idle && live.idles.length > 1) live.idles.pop().remove();
            if (!live.turns.length && !live.current) words("It waits for you: speak, or type what it is to say.");
        }
        if (live.idles.length < IDLES && !live.turns.length) ask({ idle: about.idle });
        consider();
    },
    refused: ({ sentence, turn }) => {
        words(sentence, "bad");
        for (const list of [live.turns, live.idles]) {
            const place = list.findIndex((one) => one.number === turn);
            if (place >= 0) list.splice(place, 1)[0].remove();
        }
        consider();
    },
    failed: ({ sentence }) => words(sentence, "bad"),
    ended: () => {},
};

const ask = (message) => live?.socket.readyState === WebSocket.OPEN && live.socket.send(JSON.stringify(message));

// ------------------------------------------------------------------ what the visitor does

const start = async () => {
    const picture = outside("#live-portrait img")?.src;
    if (!picture) return words("There is no portrait: add a picture of a face seen from the front.", "bad");
    if (!outside("#live-consent input").checked) {
        return words("Tick that you may use this face and this voice; nothing is made without it.", "bad");
    }
    if (!Media?.isTypeSupported(MIME)) return words("This browser plays no video while it comes: use another.", "bad");
    const setting = outside("#live-setting input:checked")?.value ?? "faster";
    const context = new AudioContext();
    const file = async (address) => (await fetch(address)).arrayBuffer();
    const [face, clip] = [await file(picture), outside("#live-style video")?.src];
    const style = clip ? await file(clip) : null;
    const more = { gaze_scale: Number(outside("#live-gaze input")?.value ?? 0), style: style !== null };
    const socket = new WebSocket(`${root.replace(/^http/, "ws")}${about.path}`);
    socket.binaryType = "arraybuffer";
    live = { socket, context, turns: [], idles: [], typed: [], sent: 0, clock: performance.now() };
    part("still").src = picture;
    words("The portrait is looked at.");
    socket.onopen = () => {
        const options = { consent: true, pauses: "skipped", rate: context.sampleRate, ...about.settings[setting], ...more };
        socket.send(JSON.stringify(options));
        socket.send(face);
        if (style) socket.send(style);
    };
    socket.onmessage = ({ data }) => {
        if (live?.socket !== socket) return;
        if (typeof data === "string") {
            const event = JSON.parse(data);
            HEARD[event.event]?.(event);
        } else {
            live.coming.parts.push(data);
            live.coming.append();
        }
    };
    socket.onclose = () => {
        if (live?.socket !== socket) return;
        if (!part("note").classList.contains("note-bad")) words("The server has ended it.", "warning");
        leave();
    };
    buttons();
    show(null);
};

const leave = () => {
    const left = live;
    live = null;
    left.microphone?.getTracks().forEach((track) => track.stop());
    left.context.close();
    left.socket.close();
    for (const turn of [...left.turns, ...left.idles, left.current]) turn?.remove();
    show(null);
    buttons();
};

const send = (samples) => {
    if (!live) return;
    if (!live.hears) {
        live.hears = true;
        live.clock = performance.now() - (1000 * (live.sent + samples.length)) / live.context.sampleRate;
    }
    live.sent += samples.length;
    const pcm = Int16Array.from(samples, (one) => 32767 * Math.max(-1, Math.min(1, one)));
    if (live.socket.readyState === WebSocket.OPEN) live.socket.send(pcm);
};

const listen = async () => {
    const session = live;
    if (session.microphone) {
        session.microphone.getTracks().forEach((track) => track.stop());
        session.source.disconnect();
        session.microphone = null;
        send(new Float32Array(Math.round(QUIET_SECONDS * session.context.sampleRate)));
        session.hears = false;
        words("The microphone is closed.");
        return buttons();
    }
    try {
        session.microphone = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true } });
    } catch (error) {
        return words("There is no microphone that this page may use: allow one, or type what it is to say.", "bad");
    }
    if (!session.worklet) {
        const code = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
        await session.context.audioWorklet.addModule(code);
        session.worklet = new AudioWorkletNode(session.context, "moditalker-pcm");
        session.worklet.port.onmessage = ({ data }) => { if (session.microphone) send(data); };
    }
    await session.context.resume();
    session.source = session.context.createMediaStreamSource(session.microphone);
    session.source.connect(session.worklet);
    words("It listens.");
    buttons();
};

part("start").onclick = () => start().catch(() => words("The portrait could not be read: choose it again.", "bad"));
part("stop").onclick = () => { words("It has ended; nothing of it was kept."); leave(); };
part("microphone").onclick = listen;
part("form").onsubmit = (event) => {
    event.preventDefault();
    const text = part("text").value.trim();
    if (!text || !live?.ready) return;
    for (const _ of text.split(/(?<=[.!?…])\s+/)) live.typed.push(performance.now());
    ask({ say: text });
    part("text").value = "";
};

// How long it still takes until a turn that is being drawn can be played.
setInterval(() => {
    const next = live?.turns[0];
    if (!next || live.current || !live.speed || live.speed * SAFE > 1) return;
    const wanted = (next.seconds ?? 0) * (1 - SAFE * live.speed);
    if (!wanted) return words("It hears you; drawing has begun.");
    const left = Math.max(1, Math.round((wanted - next.made) / live.speed));
    words(`Drawing: it speaks in about ${left} s, when it can go on without a stop.`);
}, 500);

buttons();
