#!/usr/bin/env python3
"""The page of `report --format=html` in a real browser: 5,000 hosts, some with hostile names.

Chromium without a screen, driven through chromedriver. With a directory in RPFPOLICY_SCREENSHOTS it
also leaves pictures there. Exits with 77 where there is no Chromium, with 1 there when CI=true.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RPFPOLICY_BUILD", TOP / "build"))
HOSTS = 5000
EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>\"'`&amp;"
failures = 0


def expect(text, holds, got=None):
    global failures
    print(f"ok: {text}" if holds else f"FAILED: {text}: {got!r}", flush=True)
    failures += not holds


def skip(text):
    print(f"skipped: {text}")
    sys.exit(1 if os.environ.get("CI") == "true" else 77)


class Browser:
    def __init__(self, driver, directory):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = open(Path(directory, "chromedriver.log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [driver, f"--port={self.port}"], stdout=self.log, stderr=subprocess.STDOUT)
        self.session = None
        self.wait_until_ready()
        options = {
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--disable-background-networking", f"--user-data-dir={directory}/profile",
                     "--window-size=1440,1100", "--hide-scrollbars"],
        }
        if shutil.which("chromium"):
            options["binary"] = shutil.which("chromium")
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"}}}})
        self.session = f"/session/{answer['sessionId']}"

    def wait_until_ready(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                if self.call("GET", "/status")["ready"]:
                    return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("chromedriver does not start")
            time.sleep(0.05)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"},
            method=method)
        try:
            with opener.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.read().decode()[:2000]}")

    def post(self, path, **body):
        return self.call("POST", self.session + path, body)

    def run(self, script, *args):
        return self.post("/execute/sync", script=script, args=list(args))

    def cdp(self, command, **parameters):
        return self.post("/goog/cdp/execute", cmd=command, params=parameters)

    def logged(self, kind):
        return self.post("/se/log", type=kind)

    def find(self, selector):
        found = self.post("/element", using="css selector", value=selector)
        return f"/element/{next(iter(found.values()))}"

    def click(self, selector):
        self.post(self.find(selector) + "/click")

    def keys(self, selector, text):
        self.post(self.find(selector) + "/value", text=text)

    def media(self, scheme, media=""):
        self.cdp("Emulation.setEmulatedMedia", media=media,
                 features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, name):
        if os.environ.get("RPFPOLICY_SCREENSHOTS"):
            png = base64.b64decode(self.call("GET", self.session + "/screenshot"))
            Path(os.environ["RPFPOLICY_SCREENSHOTS"], name + ".png").write_bytes(png)

    def close(self):
        if self.session:
            self.call("DELETE", self.session)
        self.process.terminate()
        self.process.wait()
        self.log.close()


opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def make_evil(path):
    """A report in which every text of foreign origin tries to become markup or script."""
    report = json.loads(path.read_text())
    report["host"] = EVIL
    report["policy"]["hash"] = report["policy"]["mode"] = report["version"] = EVIL
    device = report["devices"][0]
    device["name"] = EVIL
    key = device["keys"][0]
    key.update(key=EVIL, state="drift",
               rule={"file": EVIL, "line": 1, "pattern": EVIL},
               cause={"file": "javascript:alert(1)//" + EVIL, "line": 1, "text": EVIL})
    report["exceptions"] = [{"name": EVIL, "reason": "</td></table></style>" + EVIL, "ref": EVIL,
                             "until": None, "expired": False, "devices": [EVIL]}]
    path.write_text(json.dumps(report))


def make_page(directory):
    fleet = Path(directory, "fleet")
    subprocess.run([TOP / "tests/lib/make-fleet.py", fleet, str(HOSTS), "12", "4"], check=True)
    make_evil(fleet / "000/node99.json")
    (fleet / "000/node98.json").write_text("")
    (fleet / ("<img src=x onerror='window.hacked = 3'>.json").replace("/", "")).write_text("{")
    page = Path(directory, "page.html")
    with open(page, "wb") as out:
        done = subprocess.run(
            [BUILD / "agent/report/rpfpolicy-report", "--format=html", fleet], stdout=out)
    expect("the report tells of drift", done.returncode == 2, done.returncode)
    return page


def rows(browser, section):
    return browser.run(
        "return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
        ".filter(row => row.checkVisibility())"
        ".map(row => [...row.cells].map(cell => cell.textContent))", "#" + section)


def messages(browser):
    return [json.loads(entry["message"])["message"] for entry in browser.logged("performance")]


def requests(browser):
    return [message["params"]["request"]["url"] for message in messages(browser)
            if message["method"] == "Network.requestWillBeSent"]


def check_loaded(browser, page):
    asked = requests(browser)
    expect("the page asks for nothing but itself", asked == [page.as_uri()], asked)
    said = browser.logged("browser")
    expect("the browser has nothing to complain of", said == [], said)
    expect("every host has a row", len(rows(browser, "hosts")) == HOSTS + 1)
    cells = browser.run("return document.querySelectorAll('.picture svg rect').length")
    expect("every host has a cell in the picture", cells == HOSTS + 1, cells)
    expect("the picture has a title and a text", browser.run(
        "return document.querySelector('svg[role=img]').getAttribute('aria-labelledby')"
        ".split(' ').every(id => document.getElementById(id).textContent.length > 5)"))


def check_hostile(browser):
    expect("no script of theirs ran", browser.run("return window.hacked === undefined"))
    expect("there is one script, and no image, frame or form", browser.run(
        "return document.scripts.length === 1 &&"
        " document.querySelectorAll('img,iframe,form,object,embed,link,base').length === 0"))
    expect("no element has a handler or a foreign link", browser.run(
        "return [...document.querySelectorAll('*')].every(e => [...e.attributes].every(a =>"
        " !a.name.startsWith('on') && (a.name !== 'href' || a.value.startsWith('#'))))"))
    cells = browser.run(
        "return [...document.querySelectorAll('td,th')].map(cell => cell.textContent)"
        ".filter(text => text.includes(arguments[0])).length", EVIL)
    expect("their names are shown as they are", cells >= 12, cells)
    refused = browser.run(
        "const s = document.createElement('script'); s.textContent = 'window.hacked = 4';"
        "document.body.append(s); const d = document.createElement('div');"
        "d.innerHTML = '<img src=\"https://example.invalid/x\" onerror=\"window.hacked = 5\">';"
        "document.body.append(d); return new Promise(done => d.firstChild.addEventListener('error',"
        " () => { s.remove(); d.remove(); done(window.hacked === undefined); }))")
    expect("the policy of the page would refuse such a script", refused)
    blocked = [message["params"].get("blockedReason") for message in messages(browser)
               if message["method"] == "Network.loadingFailed"]
    expect("and such an image", blocked == ["csp"], blocked)
    browser.logged("browser")


def check_sorting(browser):
    head = "#hosts thead th:nth-child(%d) button"
    state = [row[0] for row in rows(browser, "hosts")]
    order = ["impossible", "drift", "broken", "unreadable", "stale", "latent", "paused", "ok"]
    expect("hosts begin with the worst", state == sorted(state, key=order.index))
    browser.click(head % 3)
    wrong = [int(row[2] or -1) for row in rows(browser, "hosts")]
    expect("a click sorts numbers, the largest first", wrong == sorted(wrong, reverse=True))
    expect("that is told to a screen reader", browser.run(
        "return document.querySelector('#hosts th:nth-child(3)').ariaSort") == "descending")
    browser.click(head % 2)
    names = [row[1] for row in rows(browser, "hosts") if row[1].startswith("node")]
    expect("a click sorts names by their number",
           names == sorted(names, key=lambda name: int(name[4:])), names[:5])
    browser.keys(head % 2, "\ue007")
    again = [row[1] for row in rows(browser, "hosts") if row[1].startswith("node")]
    expect("the enter key turns it around", again == names[::-1], again[:5])
    browser.click(head % 1)
    state = [row[0] for row in rows(browser, "hosts")]
    expect("a click sorts states, the worst first", state == sorted(state, key=order.index))


def check_filtering(browser):
    browser.keys("#hosts input", "node12 drift")
    found = rows(browser, "hosts")
    expect("every word of the filter has to be there", 0 < len(found) < 30 and all(
        "node12" in row[1] and row[0] == "drift" for row in found), found[:3])
    told = browser.run("return document.querySelector('#hosts .head span').textContent")
    expect("it says how many are left", told == f"{len(found)} of 5,001", told)
    browser.run("const i = document.querySelector('#hosts input'); i.value = '';"
                "i.dispatchEvent(new Event('input'))")
    browser.click(".legend li[data-state=latent] button")
    found = rows(browser, "hosts")
    expect("the legend chooses a state", len(found) == 50 and {row[0] for row in found} == {"latent"},
           len(found))
    browser.run("document.querySelector('.picture g.impossible a').dispatchEvent("
                "new MouseEvent('click', {bubbles: true, cancelable: true}))")
    target = browser.run("return new Promise(done => setTimeout(() => done("
                         "document.querySelector('tr:target')?.checkVisibility()), 300))")
    expect("a cell of the picture leads to its row, and shows it", target is True, target)
    expect("that ends the choice", len(rows(browser, "hosts")) == HOSTS + 1)
    browser.run("location.hash = ''; scrollTo(0, 0)")


def contrast(browser, selector):
    return browser.run("""
        const light = (c) => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(Number).map((x) => {
            x /= 255; return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
            return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
        const e = document.querySelector(arguments[0]); let back = e;
        while (getComputedStyle(back).backgroundColor === 'rgba(0, 0, 0, 0)') back = back.parentElement;
        const [a, b] = [getComputedStyle(e).color, getComputedStyle(back).backgroundColor].map(light);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);""", selector)


def check_looks(browser):
    background = "return getComputedStyle(document.body).backgroundColor"
    seen = {}
    for scheme in ("light", "dark"):
        browser.media(scheme)
        seen[scheme] = browser.run(background)
        for selector in ("#hosts td.drift", "#hosts td.impossible", "#hosts td.ok", "#hosts td.latent",
                         "#hosts td.paused", "#hosts td.unreadable", "thead th", ".muted"):
            ratio = contrast(browser, selector)
            expect(f"{selector} can be read, {scheme}", ratio >= 4.5, round(ratio, 2))
        browser.picture(scheme)
        browser.run("document.getElementById('hosts').scrollIntoView()")
        browser.picture(scheme + "-hosts")
        browser.run("scrollTo(0, 0)")
    expect("light and dark differ", seen["light"] != seen["dark"], seen)
    browser.media("dark", "print")
    expect("paper is white", browser.run(background) == "rgb(255, 255, 255)")
    expect("there is nothing to type on paper", browser.run(
        "return [...document.querySelectorAll('input, nav')].every(e => !e.checkVisibility())"))
    browser.picture("print")
    browser.media("light")
    browser.cdp("Emulation.setDeviceMetricsOverride", width=420, height=900, deviceScaleFactor=1,
                mobile=True)
    browser.picture("narrow")


def main():
    driver = shutil.which("chromedriver")
    if not driver:
        skip("no chromedriver here")
    with tempfile.TemporaryDirectory(prefix="rpfpolicy-page-") as directory:
        page = make_page(directory)
        browser = Browser(driver, directory)
        try:
            browser.post("/url", url="about:blank")
            requests(browser)  # what a browser does when it starts
            browser.post("/url", url=page.as_uri())
            check_loaded(browser, page)
            check_hostile(browser)
            check_sorting(browser)
            check_filtering(browser)
            check_looks(browser)
            asked = requests(browser)
            expect("it asked for nothing since", asked == [], asked)
        finally:
            browser.close()
    sys.exit(failures > 0)


main()
