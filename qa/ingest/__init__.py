"""The rooms of indexing, each with one job; ``qa.indexing`` leads a run through them.

places      what lies under the PATHs now, and what tells, unread, whether a file is as it was
reading     a file to its parts: records, passages, keys of their content
workers     functions run on all cores, each in a process of its own
unfinished  what an interrupted run had finished, kept in the index folder until it is published
earlier     what the generation before still offers: parts, vectors, terms, signatures
terms       the term counts of each distinct passage
vectors     the vector of each distinct passage
doubles     identical articles, and reprints
repeats     what is left out of passages because articles of a folder share it
writing     the files of a new generation, written as they come
makers      which code made what is kept, so that other code makes it again
"""
