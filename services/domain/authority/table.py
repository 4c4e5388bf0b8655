"""The table of who may take each action (DECISIONS 34); a pack may say otherwise in authority.toml. Pure.

Nothing is allowed by silence: an action without a row does not load.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas import action as actions
from schemas import customer_actions
from schemas.action import ActionModel
from schemas.command import MODELS
from services.domain.policy.authority import Party

P = Party


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may take an action.

    Attributes:
        who: people, by what they are to the ticket; any of them.
        services: our own programs, by name.
        evidence: whether it passes on the customer's word, so that whoever is not the customer has to refer to the
            contact or the recording that proves it.

    """

    who: tuple[Party, ...] = ()
    services: tuple[str, ...] = ()
    evidence: bool = False


HOLDER = Grant((P.HOLDER,))
CENTRE = Grant((P.CENTRE,))
ANSWERING = Grant((P.ANSWERING,))
CUSTOMERS_WORD = (P.CUSTOMER, P.CENTRE, P.ACCEPTING)

GRANTS: Mapping[type[ActionModel], Grant] = {
    actions.Open: Grant(services=("router", "callback", "ledger")),
    actions.Remind: Grant(services=("router", "ledger")),
    actions.AddContact: Grant(services=("router", "ledger")),
    actions.Tick: Grant(services=("sla_monitor", "ledger")),
    actions.CompleteForm: Grant((P.ACCEPTING, P.CENTRE)),
    actions.Reclassify: CENTRE,
    actions.Assess: Grant((P.HOLDER, P.CENTRE)),
    actions.JoinHotIssue: Grant(services=("hot_issues",)),
    actions.Dispatch: Grant((P.DISPATCHER, P.CENTRE)),
    actions.Claim: HOLDER,
    actions.SendBack: HOLDER,
    actions.Transfer: HOLDER,
    actions.RequestAssistance: HOLDER,
    actions.ReleaseAssistance: Grant((P.HOLDER, P.REQUESTER, P.CENTRE)),
    actions.FeedBack: Grant((P.HOLDER, P.ASSISTING)),
    actions.Answer: ANSWERING,
    actions.ReplyProgress: ANSWERING,
    actions.Close: CENTRE,
    actions.Reopen: CENTRE,
    actions.Reject: Grant(CUSTOMERS_WORD, evidence=True),
    actions.Withdraw: Grant(CUSTOMERS_WORD, evidence=True),
    actions.RequestExtension: HOLDER,
    actions.ApproveExtension: CENTRE,
    actions.DenyExtension: CENTRE,
    actions.Suspend: HOLDER,
    actions.Resume: HOLDER,
    actions.Escalate: Grant((P.CENTRE, P.ABOVE)),
    actions.Supervise: Grant((P.CENTRE, P.ABOVE)),
    actions.Split: CENTRE,
    actions.Merge: CENTRE,
    actions.Assign: Grant((P.HOLDER, P.CENTRE)),
    actions.Attach: Grant((P.INVOLVED, P.ACCEPTING, P.CUSTOMER)),
    actions.Correct: Grant((P.ACCEPTING, P.CENTRE)),
    actions.RecordEntry: Grant((P.WRITER,)),
    actions.Compensate: Grant((P.GRANTING,)),
    actions.JoinCall: Grant(services=("router",)),
    actions.ApplyPolicy: Grant(services=("policy",)),
    actions.Note: Grant((P.INVOLVED, P.ACCEPTING), services=("router",)),
    actions.LinkTo: Grant((P.CENTRE,), services=("router", "ledger", "callback")),
    customer_actions.ReportUndeliverable: Grant(services=("notifier",)),
    customer_actions.Apologise: ANSWERING,
    customer_actions.CallBack: Grant(services=("callback",)),
    customer_actions.StartCallback: Grant((P.CALLBACK,)),
    customer_actions.RecordCallback: Grant((P.CALLBACK,)),
    customer_actions.EndCallback: Grant(CUSTOMERS_WORD, services=("callback",), evidence=True),
    customer_actions.AnswerSurvey: Grant(CUSTOMERS_WORD, services=("callback",), evidence=True),
    customer_actions.Screen: CENTRE,
}
"""Who may take each action."""

if missing := sorted(MODELS.keys() - {str(model.__struct_config__.tag) for model in GRANTS}):
    raise LookupError(f"nobody is allowed to {', '.join(missing)}: give each action a row in GRANTS")


def internal_actions() -> frozenset[str]:
    """Return the names of the actions that only our own programs take."""
    return frozenset(str(model.__struct_config__.tag) for model, grant in GRANTS.items() if not grant.who)
