// DOT texts (a JSON array on standard input) → SVG pictures (a JSON array on standard output).
import { readFileSync } from "node:fs";
import { instance } from "@viz-js/viz";

const FONTS = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Helvetica Neue', Helvetica, Arial, sans-serif";
const BOLD = 1;
const ITALIC = 2;

const viz = await instance();
const dots = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(dots.map(picture)));

function picture(dot) {
  const { status, output, errors } = viz.renderFormats(dot, ["svg", "json"]);
  if (status !== "success") {
    throw new Error(errors.map(({ level, message }) => `${level ?? "error"}: ${message}`).join("; "));
  }
  return fitted(output.svg, widths(JSON.parse(output.json)));
}

// The width that the layout reserved for each piece of text, from the drawing operations of every object.
function widths(graph) {
  const found = new Map();
  for (const part of [graph, ...(graph.objects ?? []), ...(graph.edges ?? [])]) {
    let size = 0;
    let style = 0;
    for (const operation of [...(part._ldraw_ ?? []), ...(part._hldraw_ ?? []), ...(part._tldraw_ ?? [])]) {
      if (operation.op === "F") size = operation.size;
      else if (operation.op === "t") style = operation.fontchar;
      else if (operation.op === "T") found.set(key(operation.text, size, style), operation.width);
    }
  }
  return found;
}

function key(text, size, style) {
  return `${size.toFixed(2)} ${style & (BOLD | ITALIC)} ${text}`;
}

// Whatever font the reader's system has: each text gets the width reserved for it, so that none leaves its box.
function fitted(svg, reserved) {
  const styled = svg.replace("<svg ", `<svg font-family="${FONTS}" `);
  return styled.replace(/<text ([^>]*)>([^<]*)<\/text>\n/g, (_, attributes, content) => {
    if (content.trim() === "") return "";
    const size = Number(/font-size="([\d.]+)"/.exec(attributes)[1]);
    const style = (attributes.includes('font-weight="bold"') ? BOLD : 0) | (attributes.includes('font-style="italic"') ? ITALIC : 0);
    const width = reserved.get(key(unescaped(content), size, style));
    if (width === undefined) throw new Error(`no width was reserved for ${JSON.stringify(content)}`);
    const plain = attributes.replace(/(xml:space|font-family)="[^"]*" ?/g, "");
    // A space at the edge of an element would be dropped; a no-break space is not.
    const spaced = content.replace(/^ /, "&#160;").replace(/ $/, "&#160;");
    return `<text ${plain} textLength="${width.toFixed(2)}" lengthAdjust="spacingAndGlyphs">${spaced}</text>\n`;
  });
}

function unescaped(content) {
  const named = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return content.replace(/&(?:#(\d+)|(\w+));/g, (all, code, name) => (code ? String.fromCodePoint(Number(code)) : (named[name] ?? all)));
}
