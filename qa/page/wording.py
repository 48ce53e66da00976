"""What the page says, in Chinese and in English."""

from __future__ import annotations

from typing import Literal

__all__ = ["LANGUAGES", "Language", "language_of", "say", "table"]

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

_WORDS: dict[str, tuple[str, str]] = {
    # the frame
    "chat": ("问答", "Ask"),
    "articles": ("文章", "Articles"),
    "conversation": ("对话", "Conversation"),
    "collection": ("合集", "Collection"),
    "default": ("自带的文章", "Built-in articles"),
    "invitation": (
        "## 问文章里写到的事\n\n回答都是原话，并注明出处；没写的，就说没有。",
        "## Ask about what the articles tell\n\nAnswers are their own words, and where they stand.",
    ),
    # asking
    "question": ("问题", "Question"),
    "type": ("输入问题，按回车提问", "Type a question"),
    "ask": ("提问", "Ask"),
    "anew": ("新对话", "New chat"),
    "save_markdown": ("存为 Markdown", "Save .md"),
    "save_json": ("存为 JSON", "Save .json"),
    "filters": ("限定范围", "Narrow down"),
    "source": ("文章（文件名，可用 *）", "File name (* allowed)"),
    "source_hint": ("如 报告*.pdf", "report*.pdf"),
    "after": ("不早于", "Not before"),
    "before": ("不晚于", "Not after"),
    "date": ("2021-05-06", "2021-05-06"),
    "offers": ("还可以问", "You could ask"),
    "offers_first": ("例如", "For example"),
    # stages
    "waiting": ("排队中……", "Waiting for a turn …"),
    "searching": ("正在检索 {n} 段文字……", "Searching {n} passages …"),
    "reading": ("找到 {n} 段，正在阅读……", "Found {n} passages, reading …"),
    # an answer
    "searched": ("检索：", "Searched: "),
    "edit": ("改", "Edit"),
    "edit_title": ("改了再问", "Change it and ask again"),
    "among": ("范围：", "Among: "),
    "sure": ("很高", "high"),
    "fairly": ("较高", "fairly high"),
    "hardly": ("不高，请看原文", "low, please check the article"),
    "confidence": ("把握 {percent} · {word}", "Confidence {percent} · {word}"),
    "hardly_any": ("不到 1%", "under 1%"),
    "same": ("另有 {n} 处也这样说", "{n} more places say the same"),
    "other": ("其他可能的回答（{n}）", "Other possible answers ({n})"),
    "further": ("还有", "Also"),
    "no_more": ("没有别的了。", "There is nothing else."),
    "no_more_note": (
        "对“{searched}”，文章里找得到的回答都在上面了。",
        "All that the articles tell on “{searched}” stands above.",
    ),
    "abstained": ("文章里没有找到答案。", "The articles do not tell."),
    "abstained_note": (
        "最可能的一处，把握也只有 {percent}，不足以作答。",
        "The most likely place is only {percent} certain, too little to answer.",
    ),
    "nearest": ("最接近的段落", "The nearest passages"),
    "author": ("作者 {name}", "by {name}"),
    "origin": ("来源 {name}", "from {name}"),
    "page": ("第 {n} 页", "page {n}"),
    "characters": ("第 {start}–{end} 字", "characters {start}–{end}"),
    "copy": ("复制", "Copy"),
    "share": ("复制链接", "Copy link"),
    "judge": ("这个回答", "This answer is"),
    "right": ("对", "right"),
    "wrong": ("不对", "wrong"),
    "should_answer": ("应该有答案", "missing: there is one"),
    "should_refuse": ("不该回答", "uncalled for"),
    "judged": ("已记下，谢谢。", "Noted, thank you."),
    # what went wrong
    "empty": ("请先输入问题。", "Please type a question first."),
    "no_words": (
        "这里没有可以检索的字，请用一句话来问。",
        "There are no words to search for; please ask in a sentence.",
    ),
    "too_long": (
        "问题有 {n} 个字，最多 {most} 个；请缩短后再问。",
        "The question has {n} characters, at most {most} can be asked; please shorten it.",
    ),
    "bad_date": (
        "“{date}”不是日期，请写成 2021、2021-05 或 2021-05-06。",
        "“{date}” is no date; please write 2021, 2021-05 or 2021-05-06.",
    ),
    "none_admitted": (
        "没有文章符合所选的范围，请放宽后再问。",
        "No article is within what you have chosen; please choose more and ask again.",
    ),
    "busy": (
        "现在提问的人太多，请稍等片刻再试。",
        "Too many people are asking; please try again in a moment.",
    ),
    "refused": ("这样做不成：{reason}", "That cannot be done: {reason}"),
    "failed": (
        "抱歉，出错了，没有处理成。请把编号 {id} 告诉管理员，原因记在服务器的日志里。",
        "Sorry, something went wrong. Please tell whoever runs this the number {id}; the log has the reason.",
    ),
    "unfinished": (
        "这个问题还没有答完，页面就关上了。",
        "The page was closed before this was answered.",
    ),
    "again": ("再问一次", "Ask again"),
    # articles
    "about": ("{articles} 篇文章，{passages} 段", "{articles} articles, {passages} passages"),
    "is_empty": ("还没有文章，请上传。", "There are no articles yet; please upload some."),
    "find": ("查找文章", "Find articles"),
    "find_hint": ("标题、文件名或日期", "Title, file name or date"),
    "found": ("找到 {n} 篇", "{n} found"),
    "found_some": ("找到 {n} 篇，显示前 {shown} 篇", "{n} found, the first {shown} are shown"),
    "none_found": ("没有找到。", "None found."),
    "only_this": ("只问这篇", "Ask only this"),
    "remove": ("删除", "Remove"),
    "removed": ("已删除 {name}。", "{name} is removed."),
    "upload": ("上传文章", "Upload articles"),
    "into": ("传到新合集（不填则传到当前合集）", "New collection (empty: the chosen one)"),
    "into_hint": ("新合集的名称", "Name of the new collection"),
    "files": ("文件", "Files"),
    "manage": ("管理合集", "Manage the collection"),
    "rebuild": ("重建索引", "Rebuild the index"),
    "rebuilt": ("索引已重建：{n} 篇文章。", "The index is rebuilt: {n} articles."),
    "delete": ("删除合集", "Delete the collection"),
    "repeat": ("照样输入合集名称，以便删除", "Type the collection's name to delete it"),
    "deleted": ("合集“{name}”已删除。", "The collection “{name}” is deleted."),
    "added": ("已加入", "added"),
    "duplicate": ("已有", "there already"),
    "refused_file": ("未收", "refused"),
    "file": ("文件", "File"),
    "result": ("结果", "Result"),
    "reason": ("说明", "Reason"),
    "stage_wait": ("等候另一处改动……", "Waiting for another change …"),
    "stage_check": ("检查文件 {done}/{total}……", "Checking files {done}/{total} …"),
    "stage_read": ("读入文章 {done}/{total}……", "Reading articles {done}/{total} …"),
    "stage_embed": ("计算向量 {done}/{total}……", "Embedding {done}/{total} …"),
    "stage_other": ("建立索引……", "Indexing …"),
    "ready": ("现在可以提问了。", "Ready for questions."),
}


def say(language: Language, key: str, **values: object) -> str:
    """The words of ``key`` with ``values`` filled in. Raises KeyError for words that there are not."""
    words = _WORDS[key][LANGUAGES.index(language)]
    return words.format(**values) if values else words


def table(language: Language) -> dict[str, str]:
    """All words that take no values, for the labels of the page."""
    at = LANGUAGES.index(language)
    return {key: words[at] for key, words in _WORDS.items() if "{" not in words[at]}


def language_of(wanted: object) -> Language:
    """The language that somebody asks for by a tag like ``en-GB``; Chinese unless it is English."""
    return "en" if isinstance(wanted, str) and wanted.lower().startswith("en") else "zh"
