"""An index that is kept in Milvus, for collections past one machine, or in one file of Milvus Lite.

An index folder is built as always and then pushed: ``pushing`` makes the store's rows equal to it, row by
row, each under a key of its content. Who asks needs the store and the models alone.

    address      ``milvus://HOST:PORT/COLLECTION`` and ``FILE.db``
    connection   the only door to the client
    schema       the two collections: passages, and records (articles, facts of each shard)
    analysis     index terms as text that Milvus' own analyzers leave as they are
    facts        what a shard says of itself
    rows         an index folder as rows
    pushing      an index folder into the store
    shelf        articles and passages out of the store
    searching    the legs, run by Milvus, and their fusion
    filtering    filters as expressions
    assistant    the ``Assistant`` over all this
"""
