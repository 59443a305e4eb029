// The study's page: draws one screen at a time into the element of a gr.HTML and talks to the study's endpoints.
// What a rater has answered is on the server; the browser keeps the rater's id and the answer that was not confirmed yet.

const page = element.querySelector(".study");
const about = JSON.parse(page.dataset.about);
const KEY = `moditalker-study-${about.study}`;
const config = window.gradio_config ?? {};
const root = (config.root ?? "").replace(/\/$/, "");
const api = `${root}${config.api_prefix ?? "/gradio_api"}`;

class Refusal extends Error {}

// ------------------------------------------------------------------ what the browser remembers

let memory = {};
try {
    memory = JSON.parse(localStorage.getItem(KEY)) ?? {};
} catch (error) {
    console.info("This browser keeps nothing: after a reload, the study begins anew.");
}

function remember(changes) {
    memory = { ...memory, ...changes };
    try {
        localStorage.setItem(KEY, JSON.stringify(memory));
    } catch (error) {
        console.info("This browser keeps nothing: after a reload, the study begins anew.");
    }
}

function forget() {
    memory = {};
    try {
        localStorage.removeItem(KEY);
    } catch (error) {
        console.info("This browser keeps nothing.");
    }
}

// ------------------------------------------------------------------ the server

async function call(name, ...data) {
    const reply = await fetch(`${api}/run/${name}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ data }),
    });
    const told = await reply.json();
    if (reply.ok) return told.data[0];
    if (told.error) throw new Refusal(told.error);
    throw new Error(`${reply.status}`);
}

// Again and again, until the server has spoken: an answer is not given up because the connection is.
async function insist(name, ...data) {
    for (let pause = 1; ; pause = Math.min(2 * pause, 15)) {
        try {
            const told = await call(name, ...data);
            say("");
            return told;
        } catch (error) {
            if (error instanceof Refusal) throw error;
            say("The server cannot be reached. Nothing is lost; this page tries again by itself.", "bad");
            await new Promise((resolve) => setTimeout(resolve, 1000 * pause));
        }
    }
}

// ------------------------------------------------------------------ drawing

function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
        else if (value === true) node.setAttribute(name, "");
        else if (value !== false && value !== null) node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
}

const head = make("div", { class: "study-head" });
const body = make("div", { class: "study-body" });
const notice = make("p", { class: "study-notice", role: "status", "aria-live": "polite" });
const foot = make("div", { class: "study-foot" });
page.replaceChildren(head, body, notice, foot);

function say(text, kind = "") {
    notice.textContent = text;
    notice.dataset.kind = kind;
}

function draw(...children) {
    leave();
    body.replaceChildren(...children);
    const heading = body.querySelector("h2");
    if (heading) {
        heading.tabIndex = -1;
        heading.focus({ preventScroll: true });
    }
}

function drawHead(done, total) {
    const share = total ? Math.round((100 * done) / total) : 0;
    const bar = make("div", { class: "study-bar" }, make("div", { style: `width: ${share}%` }));
    bar.setAttribute("role", "progressbar");
    bar.setAttribute("aria-label", "Progress");
    bar.setAttribute("aria-valuenow", share);
    head.replaceChildren(
        make("span", { class: "study-title" }, about.title),
        ...(total ? [make("span", { class: "study-count" }, `${done} of ${total} answered`), bar] : []),
    );
}

function drawFoot() {
    const contact = make("span", {}, `Questions: ${about.contact}`);
    if (!memory.rater) return foot.replaceChildren(contact);
    const link = make("button", { type: "button", class: "study-link" }, "Stop and delete my answers");
    const sure = make("button", { type: "button", class: "study-link study-danger" }, "Yes, delete them");
    const no = make("button", { type: "button", class: "study-link" }, "No, keep them");
    const ask = make("span", { hidden: true }, "All of your answers will be deleted. ", sure, " ", no);
    link.addEventListener("click", () => { ask.hidden = false; link.hidden = true; });
    no.addEventListener("click", () => { ask.hidden = true; link.hidden = false; });
    sure.addEventListener("click", withdraw);
    foot.replaceChildren(contact, link, ask);
}

// ------------------------------------------------------------------ screens

function welcome(message = "") {
    head.replaceChildren();
    drawFoot();
    const age = make("input", { type: "checkbox", id: "study-age" });
    const consent = make("input", { type: "checkbox", id: "study-consent" });
    const start = make("button", { type: "button", class: "study-main", disabled: true }, "Begin");
    const update = () => { start.disabled = !(age.checked && consent.checked); };
    age.addEventListener("change", update);
    consent.addEventListener("change", update);
    start.addEventListener("click", async () => {
        start.disabled = true;
        try {
            const told = await insist("study_begin", consent.checked, age.checked, client());
            remember({ rater: told.rater });
            show(told.screen);
        } catch (error) {
            say(error.message, "bad");
            update();
        }
    });
    draw(
        make("h2", {}, about.title),
        make("p", { class: "study-consent" }, about.consent),
        make("p", {}, `It takes about ${about.minutes} minute${about.minutes === 1 ? "" : "s"}. You need sound, best with headphones. ` +
            "All videos are computer-generated or may be. You can reload the page, or come back later with the same browser."),
        make("label", { class: "study-tick" }, age, `I am ${about.minimum_age} years old or older.`),
        make("label", { class: "study-tick" }, consent, "I have read the above and agree to take part."),
        start,
    );
    say(message);
}

function client() {
    const families = [["Firefox", /Firefox\//], ["Edge", /Edg/], ["Chrome", /Chrom(e|ium)\//], ["Safari", /Safari\//]];
    const family = families.find(([, pattern]) => pattern.test(navigator.userAgent));
    return {
        browser: family ? family[0] : "other",
        language: (navigator.language ?? "").split("-")[0],
        touch: matchMedia("(pointer: coarse)").matches ? "yes" : "no",
        width: String(100 * Math.round(window.innerWidth / 100)),
    };
}

function soundCheck(screen) {
    drawHead(0, 0);
    drawFoot();
    const audio = make("audio", { src: root + screen.address, preload: "auto" });
    const play = make("button", { type: "button", class: "study-main" }, "Play the digits");
    const field = make("input", { id: "study-digits", inputmode: "numeric", autocomplete: "off", maxlength: "12" });
    const send = make("button", { type: "submit", class: "study-main" }, "Continue");
    play.addEventListener("click", () => { audio.currentTime = 0; audio.play(); field.focus(); });
    const form = make("form", {}, make("label", { for: "study-digits" }, "The digits you hear"), field, send);
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        send.disabled = true;
        try {
            const told = await insist("study_hear", memory.rater, field.value);
            if (told.right) return show(told.screen);
            say("Those are not the digits. Turn the volume up, play them again and type what you hear.", "bad");
        } catch (error) {
            return lost(error);
        }
        send.disabled = false;
    });
    draw(
        make("h2", {}, "Can you hear well?"),
        make("p", {}, "Put your headphones on, if you have any. Play the digits and set the volume so that you hear them clearly; " +
            "then leave it as it is."),
        play, audio, form,
    );
    say("");
}

let trial = null; // what is on the screen: its token, the players, and when it could be answered

// One video: played from its start to its end, without controls to seek with.
class Player {
    constructor(video, name, onEnd) {
        this.plays = 0;
        this.name = name;
        this.last = 0;
        this.video = make("video", {
            src: root + video.address, preload: "auto", playsinline: true, disablepictureinpicture: true,
            disableremoteplayback: true, width: video.width, height: video.height,
            oncontextmenu: (event) => event.preventDefault(), // its menu can show controls
        });
        this.button = make("button", { type: "button", class: "study-play" });
        this.line = make("div");
        this.label();
        this.button.addEventListener("click", () => this.toggle());
        this.video.addEventListener("timeupdate", () => {
            if (!this.video.seeking) this.last = this.video.currentTime;
            this.line.style.width = `${(100 * this.video.currentTime) / (this.video.duration || 1)}%`;
        });
        this.video.addEventListener("seeking", () => {
            if (this.video.currentTime > this.last + 0.3) this.video.currentTime = this.last;
        });
        this.video.addEventListener("ratechange", () => {
            if (this.video.playbackRate !== 1) this.video.playbackRate = 1;
        });
        this.video.addEventListener("ended", () => {
            const lasted = (performance.now() - this.started) / 1000;
            if (lasted > 0.8 * this.video.duration) this.plays += 1;
            this.label();
            onEnd();
        });
        for (const event of ["play", "pause"]) this.video.addEventListener(event, () => this.label());
        this.video.addEventListener("error", () => {
            say("A video could not be loaded: reload the page to try again. Nothing is lost.", "bad");
        });
        this.box = make("figure", { class: "study-video" },
            make("figcaption", {}, name), this.video, make("div", { class: "study-line" }, this.line), this.button);
    }

    get playing() { return !this.video.paused && !this.video.ended; }

    label() {
        const again = this.plays > 0 ? "again" : "";
        const word = this.playing ? "Pause" : this.video.currentTime > 0 && !this.video.ended ? "Go on" : `Play ${again}`.trim();
        this.button.textContent = this.name ? `${word}: ${this.name}` : word;
        this.button.dataset.done = this.plays > 0 ? "yes" : "no";
    }

    toggle() {
        if (this.playing) return this.video.pause();
        for (const other of trial.players) if (other !== this) other.stop();
        if (this.video.ended || this.video.currentTime === 0) {
            this.last = 0;
            this.video.currentTime = 0;
            this.started = performance.now();
        }
        this.video.play().catch((error) => say(`The video does not start: ${error.message}`, "bad"));
    }

    stop() {
        this.video.pause();
        if (!this.video.ended) {
            this.last = 0;
            this.video.currentTime = 0;
        }
        this.label();
    }
}

function question(screen) {
    drawHead(screen.done, screen.total);
    drawFoot();
    if (trial?.token !== screen.trial) {
        leave();
        const names = screen.videos.length > 1 ? ["A", "B"] : [""];
        trial = { token: screen.trial, ready: false };
        trial.players = screen.videos.map((video, place) => new Player(video, names[place], opened));
        trial.reference = make("figure", { class: "study-video study-reference" });
        trial.videos = make("div", { class: "study-videos" }, ...trial.players.map((player) => player.box), trial.reference);
        trial.asked = make("div", { class: "study-asked" });
        const kind = screen.training ? "For practice: this one is not counted." : "";
        body.replaceChildren(make("p", { class: "study-kind" }, kind), trial.videos, trial.asked);
    }
    trial.reference.hidden = !screen.reference;
    trial.reference.replaceChildren(...(screen.reference ? [
        make("figcaption", {}, "The person"), make("img", { src: root + screen.reference, alt: "Portrait of the person" }),
    ] : []));
    trial.question = screen.question;
    trial.sent = false;
    trial.hint = make("p", { class: "study-hint" });
    trial.options = screen.question.options.map((option) => {
        const keys = screen.question.kind === "paired" ? option.answer : `${option.answer}`;
        const button = make("button", { type: "button", class: "study-option", "data-answer": option.answer, disabled: true },
            make("kbd", {}, keys), make("span", {}, option.label === option.answer ? `Video ${option.label}` : option.label));
        button.addEventListener("click", () => answer(option.answer));
        return button;
    });
    const heading = make("h2", { tabindex: "-1" }, screen.question.text);
    const options = make("div", { class: "study-options", style: `--options: ${trial.options.length}` }, ...trial.options);
    trial.asked.replaceChildren(heading, options, trial.hint);
    heading.focus({ preventScroll: true });
    say("");
    trial.ready = false;
    opened();
}

// Opens the answers once every video has been played to its end.
function opened() {
    const all = trial.players.every((player) => player.plays > 0);
    if (all && !trial.ready) {
        trial.ready = true;
        trial.since = performance.now();
        for (const button of trial.options) button.disabled = false;
    }
    const keys = trial.question.options.map((option) => option.answer).join(", ");
    const both = trial.players.length > 1 ? "both videos" : "the video";
    const touch = matchMedia("(pointer: coarse)").matches;
    trial.hint.textContent = all ? `Choose${touch ? "" : `, or press one of the keys ${keys}`}.`
        : `Play ${both} to the end, then answer.${touch ? "" : " The space bar plays."}`;
}

async function answer(chosen) {
    if (!trial?.ready || trial.sent) return;
    trial.sent = true;
    for (const button of trial.options) {
        button.disabled = true;
        button.dataset.chosen = button.dataset.answer === chosen ? "yes" : "no";
    }
    const pending = [trial.token, trial.question.id, chosen, Math.round(performance.now() - trial.since),
        trial.players.map((player) => player.plays)];
    remember({ pending });
    await deliver(pending);
}

async function deliver(pending) {
    try {
        const told = await insist("study_answer", memory.rater, ...pending);
        remember({ pending: null });
        show(told.screen);
    } catch (error) {
        remember({ pending: null });
        lost(error, true);
    }
}

function thanks(screen) {
    drawHead(1, 1);
    head.querySelector(".study-count").textContent = "Finished";
    drawFoot();
    draw(
        make("h2", {}, "Thank you!"),
        make("p", {}, "Your answers are saved. If you were asked for a code, it is this one:"),
        make("p", { class: "study-code" }, screen.code),
        make("p", { class: "study-fine" }, "Should you want your answers to be deleted later, with this browser or another, " +
            "this is your number: ", make("code", {}, screen.rater)),
    );
    say("");
}

function show(screen) {
    ({ sound: soundCheck, question, thanks })[screen.kind](screen);
}

function leave() {
    if (trial) for (const player of trial.players) player.video.pause();
    trial = null;
}

// After a refusal: the screen as the server sees it, or the beginning where it knows nobody of that id.
async function lost(error, again = false) {
    if (!(error instanceof Refusal)) throw error;
    if (/begin anew/.test(error.message)) {
        forget();
        return welcome("");
    }
    if (again) {
        leave();
        const told = await insist("study_next", memory.rater);
        show(told.screen);
    }
    say(error.message, "bad");
}

async function withdraw() {
    leave();
    try {
        const told = await insist("study_withdraw", memory.rater);
        forget();
        drawHead(0, 0);
        drawFoot();
        draw(make("h2", {}, "Deleted"), make("p", {}, `Your ${told.deleted} answers were deleted. Thank you all the same.`));
        say("");
    } catch (error) {
        lost(error);
    }
}

document.addEventListener("keydown", (event) => {
    if (!trial || page.offsetParent === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "")) return;
    const pressed = event.key.toUpperCase();
    const option = trial.question.options.find((candidate) => candidate.answer === pressed);
    if (option && !event.repeat) {
        event.preventDefault();
        answer(option.answer);
    } else if (event.key === " " && document.activeElement?.tagName !== "BUTTON") {
        event.preventDefault();
        const player = trial.players.find((one) => one.playing) ?? trial.players.find((one) => one.plays === 0) ?? trial.players[0];
        player.toggle();
    }
});

async function start() {
    drawHead(0, 0);
    if (!memory.rater) return welcome();
    draw(make("p", {}, "One moment…"));
    if (memory.pending) return deliver(memory.pending);
    try {
        show((await insist("study_next", memory.rater)).screen);
    } catch (error) {
        lost(error);
    }
}

start();
