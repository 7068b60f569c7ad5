"""Domain alignment: features are trained so that two domains cannot be told apart."""

from __future__ import annotations

from strategies.unprobed import Unprobed


class DomainAlignment(Unprobed):
    """Adversarial alignment of labelled rows and unlabelled rows of another domain (DANN, Ganin et al. 2016).

    For a model that will serve a domain without labels. Alignment can also pull together what should stay apart, where
    the shares of the classes differ between the domains (Zhao et al. 2019).
    """

    name = "domain_alignment"
    not_probed = (
        "alignment of domains is not probed in this version: it takes unlabelled rows of the domain to be served. "
        "Label some hundred of those rows and make them the test split: that tells what there is to gain"
    )
