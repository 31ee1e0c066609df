// ---- sheet music, of tunes that are text

function sheetMusic({ files }, name) {
  if (!files.abc || !window.ABCJS) return null;
  const bytes = Uint8Array.from(atob(files.abc.url.split(",")[1]), (one) => one.charCodeAt(0));
  const text = new TextDecoder().decode(bytes);
  const paper = el("div", { class: "paper" });
  // when it stands on the page: abcjs measures its text there
  requestAnimationFrame(() => {
    try {
      ABCJS.renderAbc(paper, text, { responsive: "resize", ariaLabel: `Sheet music of ${name}` });
    } catch (error) {
      paper.textContent = `This tune cannot be engraved: ${error.message}`;
    }
  });
  return paper;
}
