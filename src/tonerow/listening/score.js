// ---- sheet music, of tunes that are text

function sheetMusic({ files }, name) {
  if (!files.abc || !window.ABCJS) return null;
  const bytes = Uint8Array.from(atob(files.abc.url.split(",")[1]), (one) => one.charCodeAt(0));
  const paper = el("div", { class: "paper" });
  try {
    ABCJS.renderAbc(paper, new TextDecoder().decode(bytes), { responsive: "resize", ariaLabel: `Sheet music of ${name}` });
  } catch {
    return null; // what abcjs cannot read is still to be heard
  }
  return paper;
}
