() => {
    // What Gradio's components do not do by themselves: bring what happens into sight, and let a result play.
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    const scroll = calm.matches ? "auto" : "smooth";

    /** Scroll so that an element's top is at the window's, where it or what follows it is outside the window. */
    const bring = (element) => {
        const box = element.getBoundingClientRect();
        if (box.top < 0 || box.bottom > window.innerHeight) element.scrollIntoView({ behavior: scroll, block: "start" });
    };

    /** With its sound; without it where the browser insists, until the page is touched. */
    const play = (video) => video.play().catch(() => {
        video.muted = true;
        const loud = () => { video.muted = false; };
        for (const touch of ["pointerdown", "keydown"]) window.addEventListener(touch, loud, { once: true });
        return video.play().catch(() => {});
    });

    // Media events do not bubble, but they can be caught on their way down.
    let watched = 0; // How far a video was watched while it was drawn; the finished one goes on from there.
    document.addEventListener("timeupdate", (event) => {
        if (event.target.closest("#growing")) watched = event.target.ended ? 0 : event.target.currentTime;
    }, true);
    document.addEventListener("loadeddata", (event) => {
        if (event.target.closest("#growing")) bring(event.target);
        const result = event.target.closest("#result");
        if (!result) return;
        bring(result);
        if (watched < event.target.duration) event.target.currentTime = watched;
        watched = 0;
        if (!calm.matches) play(event.target);
    }, true);

    // Wide tables scroll by themselves: by the keyboard too.
    const reachable = () => {
        for (const table of document.querySelectorAll(".prose table:not([tabindex])")) table.tabIndex = 0;
    };
    new MutationObserver(reachable).observe(document.body, { childList: true, subtree: true });
    reachable();

    // The button that cancels is there as long as something runs.
    window.addEventListener("beforeunload", (event) => {
        if (document.querySelector("#cancel, #compare-cancel")) event.preventDefault();
    });

    window.moditalker = {
        /** A run has begun: show its button, its progress and the place of its result. */
        began: (id) => {
            document.getElementById("workbench")?.classList.add("began");
            if (window.Notification?.permission === "default") Notification.requestPermission();
            const run = document.getElementById(id);
            if (window.innerWidth < 800) run.scrollIntoView({ behavior: scroll, block: "start" });
            else bring(run);
        },
        /** A run has ended well: say so to who looks elsewhere. */
        done: () => {
            if (document.hidden && window.Notification?.permission === "granted") {
                new Notification("MoDiTalker", { body: "Your video is done." });
            }
        },
    };
}
