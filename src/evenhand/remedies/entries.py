"""The remedies by name: what each does, where it comes from, what it sets, and its parameters."""

from __future__ import annotations

from evenhand.remedies import augmenting, defending, margins, mixing, sampling, two_stage, weighting
from evenhand.remedies.remedy import Parameter, Remedy

_CROP = Parameter(4, "largest shift, in pixels per 32 pixels of side", 0, 16)
_TAU = Parameter(1.0, "strength", 0, 2)
_TENTHS = tuple(number / 10 for number in range(21))
_QUARTERS = tuple(number / 4 for number in range(9))
_K = Parameter(5, "nearest neighbours", 1, 50)
_M = Parameter(10, "neighbours of any class that tell whether an image is near the border", 1, 50)
_Q = Parameter(0.0, "class shares go with n_y^q: 0 balanced, 0.5 square root, 1 plain", 0, 1)
_GAMMA = Parameter(2.0, "strength: 0 is the plain loss", 0, 5)
_BETA = Parameter(0.9999, "how slowly further images stop adding anything", 0, 0.999999)
_START = Parameter(0.8, "share of the training after which it begins", 0.05, 0.95)
_ALPHA = Parameter(1.0, "lambda is drawn from Beta(alpha, alpha): small values seldom mix much", 0.05, 4)
_CHANCE = Parameter(0.5, "share of the images that get a rectangle", 0.05, 1)
_EPOCHS = Parameter(10, "epochs of the second training", 1, 100)

REMEDIES: dict[str, Remedy] = {
    "none": Remedy(
        function=augmenting.none,
        description="Plain training on the images as they are; the baseline that every other remedy has to beat.",
        source="reference study, experiment 1",
        sets=None,
    ),
    "augment": Remedy(
        function=augmenting.augment,
        description="Adds mirrored, shifted copies of other brightness and contrast of every image before training.",
        source="Shorten and Khoshgoftaar 2019 (Journal of Big Data 6:60)",
        sets="synthesis",
        parameters={
            "factor": Parameter(1, "copies of every image", 1, 20),
            "crop": _CROP,
            "jitter": Parameter(0.2, "largest relative change of brightness and of contrast", 0, 0.9),
            "flip": Parameter("horizontal", "how half of the copies are mirrored", choices=("horizontal", "none")),
        },
    ),
    "augment-online": Remedy(
        function=augmenting.augment_online,
        description="Shifts, mirrors and partly blanks every image afresh each time it is drawn.",
        source="He et al. 2016 (arXiv 1512.03385); DeVries and Taylor 2017 (arXiv 1708.04552) for cutout",
        sets="augmentation",
        parameters={
            "crop": _CROP,
            "cutout": Parameter(8, "side of the blanked square, in pixels per 32 pixels of side", 0, 32),
            "flip": Parameter(
                "horizontal", "how half of the images are mirrored", choices=("horizontal", "vertical", "both", "none")
            ),
        },
    ),
    "mixup": Remedy(
        function=mixing.mixup,
        description="Trains on weighted means of two images, labelled with the same mean of their labels.",
        source="Zhang et al. 2018 (arXiv 1710.09412)",
        sets="mixing",
        parameters={"alpha": _ALPHA},
    ),
    "remix": Remedy(
        function=mixing.remix,
        description="Mixes images as mixup does; gives the label to the rarer class where the other is far commoner.",
        source="Chou et al. 2020 (arXiv 2007.03943), eq. 8",
        sets="mixing",
        parameters={
            "alpha": _ALPHA,
            "kappa": Parameter(3.0, "how many times as common the other class must be", 1, 100),
            "tau": Parameter(0.5, "the common image's part must be below it", 0, 1),
        },
    ),
    "cutmix": Remedy(
        function=mixing.cutmix,
        description="Puts a rectangle of another image onto an image; the label is mixed by area.",
        source="Yun et al. 2019 (arXiv 1905.04899)",
        sets="mixing",
        parameters={"alpha": _ALPHA, "chance": _CHANCE},
    ),
    "cmo": Remedy(
        function=mixing.cmo,
        description="Puts rectangles of mostly rare images onto plainly drawn ones: rare objects, rich backgrounds.",
        source="Park et al. 2022 (arXiv 2112.00412)",
        sets="mixing",
        parameters={
            "alpha": _ALPHA,
            "chance": _CHANCE,
            "power": Parameter(1.0, "the partner's class is drawn as 1 / n_y^power: 0 draws all alike", 0, 2),
        },
    ),
    "pgd-train": Remedy(
        function=defending.pgd_train,
        description="Learns from every image with the noise that misleads the network most: buys robustness.",
        source="Madry et al. 2018 (arXiv 1706.06083), eq. 2.1",
        sets="perturbation",
        parameters={
            "eps": Parameter(8.0, "largest change of a value, in grey levels of 255", 0.25, 64),
            "steps": Parameter(7, "gradients an image; training takes that many times longer, and one", 1, 50),
            "step": Parameter(2.0, "length of a step, in grey levels of 255", 0.05, 128),
        },
    ),
    "oversample": Remedy(
        function=sampling.oversample,
        description="Repeats rare images until every class is as large as the largest.",
        source="Japkowicz and Stephen 2002 (Intelligent Data Analysis 6:5)",
        sets="draw",
        corrects_prior=True,
    ),
    "undersample": Remedy(
        function=sampling.undersample,
        description="Uses, each epoch afresh, only as many images of each class as the smallest has.",
        source="Japkowicz and Stephen 2002 (Intelligent Data Analysis 6:5)",
        sets="draw",
        corrects_prior=True,
    ),
    "sampler": Remedy(
        function=sampling.sampler,
        description="Draws every class equally often, in an epoch of the usual length: over- and under-sampling.",
        source="Kang et al. 2020 (arXiv 1910.09217), eq. 1",
        sets="draw",
        corrects_prior=True,
        parameters={"q": _Q},
    ),
    "drs": Remedy(
        function=sampling.deferred_draws,
        description="Shows all images alike first, and draws every class equally often in the last part.",
        source="Cao et al. 2019 (arXiv 1906.07413), section 3.4",
        sets="stages",
        corrects_prior=True,
        parameters={"start": _START, "q": _Q},
    ),
    "class-weights": Remedy(
        function=weighting.class_weights,
        description="Makes mistakes on rare classes cost more in the loss.",
        source="King and Zeng 2001 (Political Analysis 9:137)",
        sets="loss.class_weights",
        corrects_prior=True,
        parameters={
            "gamma": Parameter(1.0, "strength: 0 no weights, 1 every class weighs the same", 0, 2),
            "by": Parameter(
                "example",
                "a batch is divided by its size (example) or by the sum of its weights (class, as torch does)",
                choices=("example", "class"),
            ),
        },
    ),
    "effective-number": Remedy(
        function=weighting.effective_number,
        description="Weights classes by the number of images that still add something new.",
        source="Cui et al. 2019 (arXiv 1901.05555), eq. 2 and 3",
        sets="loss.class_weights",
        corrects_prior=True,
        parameters={"beta": _BETA},
        scale_free=False,
    ),
    "drw": Remedy(
        function=weighting.deferred_weights,
        description="Trains plainly first, and with the weights of effective-number in the last part.",
        source="Cao et al. 2019 (arXiv 1906.07413), section 3.4",
        sets="stages",
        corrects_prior=True,
        parameters={"start": _START, "beta": _BETA},
        scale_free=False,
    ),
    "focal": Remedy(
        function=weighting.focal,
        description="Lets images that are told well already count little in the loss.",
        source="Lin et al. 2017 (arXiv 1708.02002), eq. 4",
        sets="loss.focal",
        parameters={"gamma": _GAMMA},
    ),
    "cb-focal": Remedy(
        function=weighting.class_balanced_focal,
        description="Lets images that are told well count little, and weights classes by their effective number.",
        source="Cui et al. 2019 (arXiv 1901.05555), section 4",
        sets=("loss.focal", "loss.class_weights"),
        corrects_prior=True,
        parameters={"gamma": _GAMMA, "beta": _BETA},
        scale_free=False,
    ),
    "ldam-drw": Remedy(
        function=margins.ldam_drw,
        description="Asks for a wider margin around rare classes, and weights them in the last part.",
        source="Cao et al. 2019 (arXiv 1906.07413), eq. 13 and section 3.4",
        sets=("loss.margins", "head", "stages"),
        corrects_prior=True,
        parameters={
            "largest": Parameter(0.5, "margin of the rarest class, as a difference of cosines", 0, 1),
            "scale": Parameter(30.0, "what cosines and margins are multiplied by", 1, 100),
            "start": _START,
            "beta": _BETA,
        },
        scale_free=False,
    ),
    "balanced-softmax": Remedy(
        function=margins.balanced_softmax,
        description="Adds the logarithm of the class shares to the logits while training: it need not be learned.",
        source="Ren et al. 2020 (arXiv 2007.10740)",
        sets="loss.logit_offsets",
        corrects_prior=True,
        parameters={"tau": _TAU},
    ),
    "balpoe": Remedy(
        function=margins.balpoe,
        description="Averages three experts: one leans to common classes, one to rare ones, one to neither.",
        source="Aimar et al. 2023 (arXiv 2206.05260)",
        sets="head",
        corrects_prior=True,
        parameters={"spread": Parameter(1.0, "how far apart the experts are: 1 gives tau 0, 1 and 2", 0, 1)},
    ),
    "logit-adjust": Remedy(
        function=margins.logit_adjust,
        description="Trains plainly, then subtracts the logarithm of the class shares from the logits.",
        source="Menon et al. 2021 (arXiv 2007.07314)",
        sets="post",
        corrects_prior=True,
        parameters={"tau": Parameter(1.0, "strength", 0, 2, grid=_TENTHS)},
    ),
    "smote": Remedy(
        function=augmenting.smote,
        description="Adds synthetic images between similar images of a class until all classes are equally large.",
        source="Chawla et al. 2002 (JAIR 16:321), by imbalanced-learn",
        sets="synthesis",
        corrects_prior=True,
        parameters={"k": _K},
    ),
    "borderline-smote": Remedy(
        function=augmenting.borderline_smote,
        description="Adds synthetic images as smote does, starting only from images near the border of their class.",
        source="Han et al. 2005 (ICIC, LNCS 3644:878)",
        sets="synthesis",
        corrects_prior=True,
        parameters={"k": _K, "m": _M},
    ),
    "adasyn": Remedy(
        function=augmenting.adasyn,
        description="Adds synthetic images as smote does, more of them where other classes are near.",
        source="He et al. 2008 (IJCNN, pages 1322 to 1328)",
        sets="synthesis",
        corrects_prior=True,
        parameters={"k": _K},
    ),
    "feature-smote": Remedy(
        function=two_stage.feature_smote,
        description="Trains plainly, then a new last layer on features filled up by smote to equal counts.",
        source="Chawla et al. 2002 (JAIR 16:321); Dablain et al. 2021 (arXiv 2105.02340) for features",
        sets="refit",
        corrects_prior=True,
        parameters={"k": _K, "epochs": _EPOCHS},
        trunk="none",
    ),
    "feature-borderline-smote": Remedy(
        function=two_stage.feature_borderline_smote,
        description="Trains plainly, then a new last layer on features filled up near the border of each class.",
        source="Han et al. 2005 (ICIC, LNCS 3644:878)",
        sets="refit",
        corrects_prior=True,
        parameters={"k": _K, "m": _M, "epochs": _EPOCHS},
        trunk="none",
    ),
    "feature-adasyn": Remedy(
        function=two_stage.feature_adasyn,
        description="Trains plainly, then a new last layer on features filled up where other classes are near.",
        source="He et al. 2008 (IJCNN, pages 1322 to 1328)",
        sets="refit",
        corrects_prior=True,
        parameters={"k": _K, "epochs": _EPOCHS},
        trunk="none",
    ),
    "crt": Remedy(
        function=two_stage.crt,
        description="Trains plainly, then a new last layer on balanced draws.",
        source="Kang et al. 2020 (arXiv 1910.09217), section 4.1",
        sets="refit",
        corrects_prior=True,
        parameters={"epochs": _EPOCHS},
        trunk="none",
    ),
    "lws": Remedy(
        function=two_stage.lws,
        description="Trains plainly, then learns one factor a class on balanced draws.",
        source="Kang et al. 2020 (arXiv 1910.09217), section 4.1",
        sets="refit",
        corrects_prior=True,
        parameters={"epochs": _EPOCHS},
        trunk="none",
    ),
    "tau-norm": Remedy(
        function=two_stage.tau_norm,
        description="Trains plainly, then divides the vector of each class by a power of its length.",
        source="Kang et al. 2020 (arXiv 1910.09217), eq. 4",
        sets="refit",
        corrects_prior=True,
        parameters={
            "tau": Parameter(1.0, "0 leaves the vectors as they are, 1 makes all equally long", 0, 2, grid=_QUARTERS)
        },
        trunk="none",
    ),
    "mislas": Remedy(
        function=two_stage.mislas,
        description="Trains with mixup, then the last layer on balanced draws, smoothing the labels of common classes.",
        source="Zhong et al. 2021 (arXiv 2104.00466), eq. 5, 6 and 9",
        sets=("mixing", "refit"),
        corrects_prior=True,
        parameters={
            "alpha": _ALPHA,
            "head": Parameter(0.3, "part of the label that is spread, for the largest class", 0, 0.5),
            "tail": Parameter(0.0, "part of the label that is spread, for the smallest class", 0, 0.5),
            "epochs": _EPOCHS,
        },
        trunk="mixup",
    ),
}
