"use strict";
/* Tables that are complete without this can be sorted and filtered with it. Nothing is fetched or
 * stored, and texts are only ever read, moved and hidden. */
(() => {
    const order = ["impossible", "drift", "broken", "unreadable", "stale", "latent", "paused", "ok"];
    const collator = new Intl.Collator("en", { numeric: true });
    const chosen = new Set();
    const filters = [];

    const make = (name, properties) => Object.assign(document.createElement(name), properties);
    const number = (text) => (text ? parseInt(text.replace(/,/g, ""), 10) : -1);

    const compareCells = (head) => {
        if (head.classList.contains("number"))
            return (a, b) => number(b) - number(a);
        if (head.classList.contains("state"))
            return (a, b) => order.indexOf(a) - order.indexOf(b);
        return (a, b) => (a === "") - (b === "") || collator.compare(a, b);
    };

    /* Numbers begin with the largest, states with the worst; the next click turns it around. */
    const sort = (table, head, column) => {
        const body = table.tBodies[0];
        const first = head.classList.contains("number") ? "descending" : "ascending";
        const second = first === "ascending" ? "descending" : "ascending";
        const now = head.getAttribute("aria-sort") === first ? second : first;
        const compare = compareCells(head);
        const sign = now === first ? 1 : -1;
        const rows = Array.from(body.rows, (row) => [row.cells[column].textContent, row]);

        rows.sort((a, b) => sign * compare(a[0], b[0]));
        for (const other of table.tHead.rows[0].cells)
            other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", now);
        body.append(...rows.map((pair) => pair[1]));
    };

    const makeSortable = (table) => {
        Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
            const button = make("button", { type: "button", textContent: head.textContent });

            button.addEventListener("click", () => sort(table, head, column));
            head.replaceChildren(button);
        });
    };

    const makeFilter = (section, table) => {
        const title = section.querySelector("h2").textContent;
        const rows = Array.from(table.tBodies[0].rows, (row) => [row.textContent.toLowerCase(), row]);
        const isHosts = section.id === "hosts";
        const input = make("input", { type: "search", placeholder: "Filter" });
        const shown = make("span", { className: "muted" });

        const apply = () => {
            const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
            let count = 0;

            for (const [text, row] of rows) {
                const hide = !words.every((word) => text.includes(word)) ||
                    (isHosts && chosen.size > 0 && !chosen.has(row.cells[0].textContent));

                row.hidden = hide;
                count += !hide;
            }
            shown.textContent = count === rows.length
                ? rows.length.toLocaleString("en")
                : `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
        };

        input.setAttribute("aria-label", `Filter: ${title}`);
        shown.setAttribute("role", "status");
        input.addEventListener("input", apply);
        section.querySelector(".head").append(shown, input);
        filters.push({ apply, input, isHosts });
        apply();
    };

    const applyToHosts = () => filters.filter((f) => f.isHosts).forEach((f) => f.apply());

    /* The legend chooses which hosts are listed. */
    const makeChoice = (item) => {
        const button = make("button", { type: "button" });
        const state = item.dataset.state;

        button.append(...item.firstElementChild.childNodes);
        button.setAttribute("aria-pressed", "false");
        button.addEventListener("click", () => {
            if (!chosen.delete(state))
                chosen.add(state);
            button.setAttribute("aria-pressed", String(chosen.has(state)));
            applyToHosts();
        });
        item.replaceChildren(button);
    };

    /* A cell of the picture leads to its row, which may be hidden. */
    const showTarget = () => {
        const row = document.getElementById(location.hash.slice(1));

        if (!row || !row.hidden)
            return;
        chosen.clear();
        document.querySelectorAll(".legend button").forEach((button) =>
            button.setAttribute("aria-pressed", "false"));
        filters.filter((f) => f.isHosts).forEach((f) => { f.input.value = ""; });
        applyToHosts();
        row.scrollIntoView({ block: "center" });
    };

    document.querySelectorAll("section").forEach((section) => {
        const table = section.querySelector("table");

        if (!table)
            return;
        makeSortable(table);
        makeFilter(section, table);
    });
    if (document.getElementById("hosts"))
        document.querySelectorAll(".legend li").forEach(makeChoice);
    addEventListener("hashchange", showTarget);
})();
