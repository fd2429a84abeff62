"""Text that is hard to read on what lies behind it, as WCAG 2.2 measures it (criterion 1.4.3)."""

from __future__ import annotations

# axe-core's rule finds no text at all in a notebook of JupyterLab, so this one walks through the
# text by itself. It leaves out drawings, whose text does not follow the theme, and JupyterLab's
# own prompts.
PALE = """root => {
    const numbers = colour => {
        const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
        const scale = colour.startsWith('color(') ? 255 : 1;
        return [r * scale, g * scale, b * scale, a];
    };
    const over = (top, below) =>
        [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * below[i]).concat(1);
    const behind = element => {
        if (!element) return [255, 255, 255, 1];
        const colour = numbers(getComputedStyle(element).backgroundColor);
        return colour[3] == 1 ? colour : over(colour, behind(element.parentElement));
    };
    const light = colour => {
        const [r, g, b] = colour.slice(0, 3).map(
            v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = [], walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent.trim();
        const element = walker.currentNode.parentElement;
        if (!text || element.closest('svg, style, .jp-OutputPrompt')) continue;
        if (!element.checkVisibility()) continue;
        const style = getComputedStyle(element), back = behind(element);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
        const [a, b] = [light(over(numbers(style.color), back)), light(back)];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(1)}: ${text.slice(0, 60)}`);
    }
    return found;
}"""
