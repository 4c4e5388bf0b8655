"""A tenth pack, of an invented library: what no other pack needs must need no code."""

FILES = {
    "pack.toml": """
        name = "library"
        version = "1"
        zone = "Europe/Berlin"
        centre = "desk"
        supervisor = "director"
        title = { zh = "图书馆", en = "Library" }
        calendar = { roll = false, ours = "x" }
    """,
    "units.toml": """
        ours = "an invented library"
        [[unit]]
        code = "director"
        kind = "leadership"
        answers_customer = true
        title = { zh = "馆长", en = "Director" }
        [[unit]]
        code = "desk"
        kind = "centre"
        parent = "director"
        answers_customer = true
        title = { zh = "服务台", en = "Desk" }
        [[unit]]
        code = "stacks"
        kind = "handling"
        parent = "director"
        title = { zh = "书库", en = "Stacks" }
    """,
    "types.toml": """
        problem = []
        [[group]]
        code = "books"
        title = { zh = "图书", en = "Books" }
        [[business]]
        code = "missing_book"
        group = "books"
        title = { zh = "缺书", en = "Missing book" }
        words = ["not on the shelf"]
        ours = "x"
    """,
    "limits.toml": """
        lower_bound_for = { value = [], ours = "x" }
        extension = { per_stage = 1, at_most = 1.0, lapses_after = "2h", ours = "x" }
        suspension = { at_most = "72h", reminder_after = "48h", ours = "x" }
        [usual.breach]
        notifies = ["unit", "next_level"]
        ours = "x"
        [[clock]]
        name = "promise"
        title = { zh = "时限", en = "Promise" }
        outer = true
        calendar = "elapsed"
        while = { status = ["accepted", "dispatched", "handling", "fed_back"] }
        anchor = "acceptance"
        [[clock.limits]]
        name = "for books of rare value"
        when = { signal = ["importance"] }
        value = "6h"
        ours = "x"
        [[clock.limits]]
        name = "for all"
        value = "36h"
        ours = "x"
    """,
    "routing.toml": """
        kinds = ["complaint"]
        titles = { complaint = { zh = "投诉", en = "complaint" }, plain = { zh = "一般", en = "plain" } }
        vip = { levels = ["professor"], ours = "x" }
        [[signal]]
        name = "rare"
        signal = "importance"
        words = ["incunable"]
        ours = "x"
        [[tier]]
        name = "all"
        tier = "plain"
        ours = "x"
        [[priority]]
        name = "all"
        all = []
        priority = 3
        ours = "x"
        [[department]]
        name = "books"
        when = { group = ["books"] }
        unit = "stacks"
        ours = "x"
    """,
    "outcome.toml": """
        closing = { needs = ["explanation", "found"], ours = "x" }
        rejection = { then = "investigate_again", ours = "x" }
        repeat = { reopen_within = "7d", dispute_words = ["again"], ours = "x" }
        survey = { satisfied_from = 4, dissatisfied_to = 2, ours = "x" }
        [[entry]]
        kind = "found"
        title = { zh = "找到", en = "Found" }
        by = ["stacks"]
        ours = "x"
        [callback]
        first_after = "24h"
        first_after_vip = "4h"
        hours_from = 09:00:00
        hours_until = 20:00:00
        attempts = 1
        retry_after = "4h"
        means = "mail"
        ours = "x"
        [form]
        title = { zh = "登记", en = "Slip" }
        field = [{ path = "text", title = { zh = "内容", en = "What" }, required = true }]
        ours = "x"
    """,
    "day.toml": """
        [[case]]
        name = "an incunable is not where it should be"
        [case.contact]
        at = 2026-03-12T10:00:00+01:00
        text = "The incunable is not on the shelf"
        [case.expect]
        tier = "plain"
        department = "stacks"
        promised_at = 2026-03-12T16:00:00+01:00
        [[case.step]]
        at = 2026-03-12T17:00:00+01:00
        do = { type = "tick" }
        expect = { breaches = 1 }
        [[case.step]]
        at = 2026-03-12T17:10:00+01:00
        unit = "desk"
        do = { type = "answer", explanation = "It was being restored", agreement = "agreed" }
        expect = { status = "answered" }
        [[case.step]]
        at = 2026-03-12T17:20:00+01:00
        unit = "desk"
        do = { type = "close" }
        expect = { refused = "missing", missing = ["found"] }
        [[case.step]]
        at = 2026-03-12T17:30:00+01:00
        unit = "stacks"
        do = { type = "record", kind = "found", text = "in the workshop" }
        [[case.step]]
        at = 2026-03-12T17:40:00+01:00
        unit = "desk"
        do = { type = "close" }
        expect = { status = "closed" }
    """,
}
