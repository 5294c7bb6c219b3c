from phoropter.improvement.prescriptions.changes import pretrained_trunk

SMALL = {"model.name": "cnn", "data.size": 32}


def test_a_file_of_a_small_networks_weights_stays_behind_where_a_pretrained_one_is_taken(evidence):
    (plain,) = pretrained_trunk(evidence(SMALL))
    run = evidence({**SMALL, "model.weights": "mine.pt"})
    (cure,) = pretrained_trunk(run)
    model = run.recipe.changed(cure.change).model
    assert (model.name, model.pretrained, model.weights) == ("efficientnet_lite0", True, None)
    assert cure.change == {**plain.change, "model.weights": None}
