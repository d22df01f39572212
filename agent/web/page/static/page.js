// Keeps the page up to date: fetches it again and puts in what differs, node by node, so that focus, scrolling and what was
// opened stay as they are.
"use strict";

const every = 5000; // milliseconds

function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(document.importNode(to, true));
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !(name === "open" && from.nodeName === "DETAILS")) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  morphChildren(from, to);
}

function keyOf(node) {
  return node.dataset ? node.dataset.key : undefined;
}

// Children with a key stay what they are when others come and go: the focus is on this alert, and not on the second one.
function morphChildren(from, to) {
  const wanted = new Set([...to.childNodes].map(keyOf));
  const kept = new Map();
  for (const child of [...from.children]) {
    const key = keyOf(child);
    if (key === undefined) continue;
    if (wanted.has(key) && !kept.has(key)) kept.set(key, child);
    else child.remove();
  }
  let at = from.firstChild;
  const drop = () => {
    const next = at.nextSibling;
    at.remove();
    at = next;
  };
  for (const node of [...to.childNodes]) {
    const key = keyOf(node);
    let same = null;
    if (key !== undefined) {
      same = kept.get(key) ?? null;
      kept.delete(key);
      while (same && at && at !== same && keyOf(at) === undefined) drop();
    } else if (at && keyOf(at) === undefined) {
      same = at;
    }
    if (same === null) {
      from.insertBefore(document.importNode(node, true), at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else from.insertBefore(same, at);
    morph(same, node);
  }
  while (at) drop();
}

async function refresh() {
  const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(2 * every) });
  if (!answer.ok) throw new Error(answer.statusText);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const focused = document.activeElement;
  for (const part of ["header", "main"]) morph(document.querySelector(part), page.querySelector(part));
  if (focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true }); // it was moved
  document.title = page.title;
}

async function keep() {
  if (!document.hidden) {
    try {
      await refresh();
      document.getElementById("stale").hidden = true;
    } catch {
      document.getElementById("stale").hidden = false;
      document.title = "? " + document.title.replace(/^\? /, "");
    }
  }
  setTimeout(keep, every);
}

setTimeout(keep, every);
