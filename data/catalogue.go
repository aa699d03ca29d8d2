package data

// sets is the catalogue: adding a data set is adding a row.
var sets = []Set{
	medMNIST("bloodmnist", "7053d0359d879ad8a5505303e11de1dc", "17,092 microscope pictures of blood cells, colour",
		"basophil", "eosinophil", "erythroblast", "immature granulocytes", "lymphocyte", "monocyte", "neutrophil", "platelet"),
	medMNIST("breastmnist", "750601b1f35ba3300ea97c75c52ff8f6", "780 breast ultrasound pictures",
		"malignant", "normal, benign"),
	medMNIST("chestmnist", "02c8a6516a18b556561a56cbdd36c4a8", "112,120 chest films with up to 14 findings each",
		"atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia", "pneumothorax",
		"consolidation", "edema", "emphysema", "fibrosis", "pleural", "hernia"),
	medMNIST("dermamnist", "0744692d530f8e62ec473284d019b0c7", "10,015 dermatoscopic pictures, colour",
		"actinic keratoses", "basal cell carcinoma", "benign keratosis-like lesions", "dermatofibroma", "melanoma",
		"melanocytic nevi", "vascular lesions"),
	medMNIST("octmnist", "c68d92d5b585d8d81f7112f81e2d0842", "109,309 retinal OCT pictures",
		"choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
	medMNIST("organamnist", "68e3f8846a6bd62f0c9bf841c0d9eacc", "58,830 axial CT slices of 11 organs", organs...),
	medMNIST("organcmnist", "0afa5834fb105f7705a7d93372119a21", "23,583 coronal CT slices of 11 organs", organs...),
	medMNIST("organsmnist", "e5c39f1af030238290b9557d9503af9d", "25,211 sagittal CT slices of 11 organs", organs...),
	medMNIST("pathmnist", "a8b06965200029087d5bd730944a56c1", "107,180 colorectal histology patches, colour",
		"adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa",
		"cancer-associated stroma", "colorectal adenocarcinoma epithelium"),
	medMNIST("pneumoniamnist", "28209eda62fecd6e6a2d98b1501bb15f", "5,856 chest films of children",
		"normal", "pneumonia"),
	medMNIST("retinamnist", "bd4c0672f1bba3e3a89f0e4e876791e4", "1,600 retinal photographs, colour",
		"grade 0", "grade 1", "grade 2", "grade 3", "grade 4"),
	medMNIST("tissuemnist", "ebe78ee8b05294063de985d821c1c34b", "236,386 microscope pictures of kidney cells",
		"collecting duct, connecting tubule", "distal convoluted tubule", "glomerular endothelial cells",
		"interstitial endothelial cells", "leukocytes", "podocytes", "proximal tubule segments", "thick ascending limb"),
	{
		Name: "parkinsons", Task: "prognosis", About: "5,875 voice recordings of 42 people with Parkinson's disease over six months",
		Page:    "https://archive.ics.uci.edu/dataset/189/parkinsons+telemonitoring",
		Licence: "CC-BY-4.0",
		Cite:    "Tsanas et al., IEEE Transactions on Biomedical Engineering 57 (2010), 884",
		Files: []Remote{{
			Name: "parkinsons_updrs.csv",
			URL:  "https://archive.ics.uci.edu/ml/machine-learning-databases/parkinsons/telemonitoring/parkinsons_updrs.data",
			SHA:  "f2c7d5025dec4e92e7feae367a5f7ccf58789a10ac6b54bdf15976c599f9dd39", // of a copy: UCI states none
		}},
	},

	// The checksums are those that Hugging Face's datasets 1.2 to 2.13 fetched the
	// corpus by; the authors' own page gives none.
	{
		Name: "ade", Task: "text", About: "20,896 sentences of case reports: does one tell of an adverse drug effect?",
		Classes: []string{"no adverse effect", "adverse effect"},
		Page:    "https://doi.org/10.1016/j.jbi.2012.04.008",
		Licence: "none stated",
		Cite:    "Gurulingappa et al., J Biomed Inform 45 (2012), 885",
		Files: []Remote{
			{
				Name: "DRUG-AE.rel", URL: adeCorpus + "DRUG-AE.rel",
				SHA: "542cdc483ccc94927762eaf2c9a8ecac49a6c10037dda2895be6a6e20160f75a",
			}, {
				Name: "ADE-NEG.txt", URL: adeCorpus + "ADE-NEG.txt",
				SHA: "8f506c159042ce354fbf26981dc39971dde8f09b1158d94106eab1e516e53fcf",
			},
		},
		Table: "ade_v2.tsv.gz",
	},
	// The official test part; what it is trained on elsewhere has another 11,550.
	{
		Name: "medical-abstracts", Task: "text", About: "2,888 abstracts of five kinds of condition",
		Classes: []string{"neoplasms", "digestive system diseases", "nervous system diseases", "cardiovascular diseases", "general pathological conditions"},
		Page:    "https://github.com/sebischair/Medical-Abstracts-TC-Corpus",
		Licence: "CC-BY-SA-3.0",
		Cite:    "Schopf et al., NLPIR 2022, 6",
		Files: []Remote{{
			Name: "medical_tc_test.csv",
			URL:  "https://raw.githubusercontent.com/sebischair/Medical-Abstracts-TC-Corpus/main/medical_tc_test.csv",
			SHA:  "1eecea73c9ecad292c55e10403bd139fab9580545d6878482997c5564d51ac05",
		}},
	},
}

// adeCorpus is where the corpus can be fetched from; its authors' page, a
// Google site, hands out no files to programs.
const adeCorpus = "https://raw.githubusercontent.com/trunghlt/AdverseDrugReaction/master/ADE-Corpus-V2/"

var organs = []string{
	"bladder", "femur left", "femur right", "heart", "kidney left", "kidney right", "liver", "lung left", "lung right",
	"pancreas", "spleen",
}

// medMNIST is a set of MedMNIST v2 at 28×28 pixels, with its official split.
// The checksums are those of the record on Zenodo.
func medMNIST(name, md5, about string, classes ...string) Set {
	licence := "CC-BY-4.0"
	if name == "dermamnist" {
		licence = "CC-BY-NC-4.0"
	}
	return Set{
		Name: name, Task: "imaging", About: about + ", 28×28", Classes: classes,
		Page:    "https://medmnist.com",
		Licence: licence,
		Cite:    "Yang et al., MedMNIST v2, Scientific Data 10 (2023), 41",
		Files: []Remote{{
			Name: name + ".npz",
			URL:  "https://zenodo.org/records/10519652/files/" + name + ".npz",
			MD5:  md5,
		}},
	}
}
