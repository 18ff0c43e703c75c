"""Texts like answers, and some extreme ones. Written for these tests."""

# ruff: noqa: E501  # a text of one line reads best in one line

from __future__ import annotations

from typing import Final

DOCUMENTS: Final[dict[str, str]] = {
    "prose": "First words here, *with* emphasis and **strong** ones.\nSecond line, `code` too.\n\nAnother one.\n",
    "headings": "# One\ntext\n## Two ##\n\nSetext\n======\nand\nmore\n---\nafter\n\n###### Six\n#\n#no heading\n",
    "tight": "Intro:\n- one\n- two\n  - nested a\n  - nested b\n    - deeper\n- three\n\nAfter.\n",
    "loose": "- one\n\n- two\n\n  second paragraph\n\n- three\n- four\n\n\nend\n",
    "ordered": "3. three\n4. four\n   more of four\n\n5. five\n   1. inner\n   2. inner two\n10. six\n\n1) other\n2) list\n",
    "tasks": "- [ ] open\n- [x] done *well*\n- [X] also\n- [y] no task\n  - [ ] nested\n",
    "mixed-lists": "* a\n* b\n- c\n- d\n+ e\n1. f\n2. g\n",
    "list-blocks": "- item\n\n  ```python\n  def f():\n      return 1\n  ```\n\n  > quoted\n\n- next\n  # heading in item\n",
    "empty-items": "-\n- a\n-\n\n- b\n*\n",
    "lazy": "- one\ntwo\n    three\n> quote\nlazy line\n>\n> more\n\nend\n",
    "quotes": "> # In a quote\n> text\n> - list\n>   - inner\n>\n> > twice\n> > as deep\n\nout\n",
    "fence": "Before\n```python\nx = 1\n\n\ndef f(a):  # comment\n    return 'text'\n```\nAfter\n\n~~~\ntilde ```\n~~~\n",
    "fence-open": "Text\n\n```js\nconst a = 1;\n// never closed\n\n    indented\n",
    "fence-nested": "````md\n```py\ncode\n```\nstill\n````\n\n```\nplain\n``` not closing\n```\n",
    "fence-odd": "text\n``` a`b\nno fence\n```\nfence\n  ```\n   ~~~x\n  in\n   ~~~\n",
    "indented": "para\n\n    code one\n\n    code two\n\nend\n\n\tand a tab\n",
    "table": "| a | b | c |\n|:--|:-:|--:|\n| 1 | *two* | 3 |\n| long words in a cell | `x` | |\n| short |\n\nafter\n",
    "table-after-text": "text\n|a|b|\n|-|-|\n|1|2|\nlast row without bars\n# heading ends it\n",
    "table-not": "|a|b|\n|-|x|\n\n|a|b|\n|-|\n\na | b\n- | -\n1 | 2\n",
    "table-escapes": "| a \\| b | `x|y` |\n|---|---|\n| \\| | b\\|c |\n",
    "links": 'See https://example.com/a_b?c=1&d=2, <http://example.org> and [text](https://e.example/x%2Fy "t").\n'
    "[https://bank.example](https://evil.example/x) mail@example.com www.example.net/path.\n",
    "images": "![alt *text*](https://e.example/p.png) and ![](https://e.example/q.png) [![in](a.png)](b)\n",
    "references": "See [one][a], [two] and ![pic][p].\n\n[a]: https://a.example\n\nMore [one][A].\n\n"
    "[two]: <https://b.example> 'title'\n[p]: https://c.example/p.png\n[unused]: /x\n",
    "reference-title": 'text [x]\n\n[x]: /url\n"title\nin two lines"\n\nafter\n',
    "reference-broken": "[x]: \n\n[y]: /url 'title\n\nnot closed [y]\n",
    "html": "before <b>bold</b> after\n\n<div class='x'>\nblock\n</div>\n\n<!-- note -->\n<script>a</script>\n",
    "entities": "&amp; &copy; &#27;]0;x &#x9b;m &lt;b&gt; &nosuch; &NewLine; &Tab; x\n",
    "escapes": "\\*not\\* \\# \\[x\\] a\\\nbreak and two spaces  \nhere `a \\` b`\n",
    "rules": "a\n\n---\n\n***\nb\n* * *\n_ _ _\n- - -\n--\n",
    "cjk": "你好世界，这是一个很长的中文段落，没有空格，需要在字符之间换行。日本語の文章も「同じように」折り返します。\n\n"
    "| 名前 | 値 |\n|---|---|\n| 東京都 | 十三百万人の都市です |\n| 한국어 | 텍스트 |\n",
    "emoji": "👨‍👩‍👧‍👦 family 🇩🇪 flag ❤️ heart 👍🏽 thumb 1️⃣ key\n\n- 🎉 party\n- ☺️ smile\n",
    "crlf": "# Title\r\n\r\ntext\r\nmore\r\n\r\n- a\r\n- b\r\n\r\n```\r\ncode\r\n```\r\n",
    "separators": "a\u2028b\u2029c\x85d\x0be\x0cf\n\ng\x1ch\n",
    "long-word": "x" * 300 + " and " + "y" * 90 + "\n\n- " + "z" * 200 + "\n",
    "controls": "a\x1b[31mred\x1b[0m \x9b31m \u202eabc\u202c \x00nul \x7f\n\n`\x1b]0;t\x07`\n",
    "surrogates": "half \ud83d and \udc00 pair \ud83d\ude00 done\n",
    "tags": "hi \U0001f3f4\U000e0067\U000e0062\U000e007f flag, x\U000e0041\U000e0042 smuggled\n",
    "tabs": "a\tb\n\n-\titem\n\n  \tcode?\n\n1.\tx\n\n\ty\n",
    "blank": "\n\n\n  \n\t\n",
    "spaces": "   lead\n\n  - a\n   - b\n    - c\n\n   # h\n\ntrail   \n",
    "deep-list": "".join("  " * depth + "- level\n" for depth in range(14)) + "\nend\n",
    "deep-quote": ">" * 60 + " deep\n\nend\n",
    "strike": "~~gone~~ ~one~ **a*b*c** __d__ _e_ ***f***\n",
    "no-newline": "a paragraph without an end",
    "heading-last": "text\n\n# end",
    "list-last": "- a\n- b\n  - c",
}

LARGE: Final[dict[str, str]] = {
    "long-paragraph": "".join(f"line {n} of *one* paragraph\n" for n in range(500)) + "===\nafter\n",
    "long-line": "word and [link](x) " * 900 + "\n\nend\n",
    "long-table": "| n | text |\n|--:|---|\n"
    + "".join(f"| {n} | row *{n * 37}* |\n" for n in range(200))
    + "\nend\n",
    "long-list": "".join(f"{n}. item {n}\n" + ("\n" if n % 7 == 0 else "") for n in range(1, 400))
    + "\nend\n",
    "long-item": "- root\n" + "".join(f"  - child {n} with words\n" for n in range(1500)) + "- next\n",
    "long-quote": "".join(f"> line {n} of a quote\n" + (">\n" if n % 9 == 0 else "") for n in range(1500))
    + "\nend\n",
    "long-fence": "```python\n" + "".join(f"value_{n} = {n}  # note\n" for n in range(700)) + "```\nend\n",
    "wide-table": "|" + "c|" * 40 + "\n|" + "-|" * 40 + "\n" + ("|" + "x|" * 40 + "\n") * 70 + "end\n",
}

_RUN: str = "".join(f"[r{at}]: https://example.com/{at} 'title {at}'\n" for at in range(200))
_SPLIT: str = "".join(
    f'[s{at}]:\n  https://example.com/{at}\n  "a title\nof two lines {at}"\n' for at in range(150)
)
LARGE.update(
    {
        "definitions first": _RUN + "\nSee [r7] and [r150].\n",
        "definitions last": "- one [r1]\n\n- two [r199]\n\n" + _RUN,
        "definitions between": f"# A [r1]\n\n{_RUN}text [s3]\n\n> quote [s9]\n\n{_SPLIT}\n1. one [r5]\n\n{_RUN}\n2. two\n",
        "definitions behind a table": "| a | b |\n|---|---|\n" + "| x | [r3] |\n" * 80 + "\n" + _RUN + _SPLIT,
        "the same definition": "[a]: b\n" * 1_500 + "\n[a]\n",
        "definitions and a title that never ends": _RUN + "[z]: b\n'open\n" + _RUN + "\n[z] [r3]\n",
    }
)
