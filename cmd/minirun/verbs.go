package main

// verbs is in the order of the help, which is that of a container's life.
// The rows are data of the linker's making; no code runs for them at start-up.
var verbs = [...]*verb{
	&runVerb,
	&createVerb,
	&startVerb,
	&execVerb,
	&stateVerb,
	&psVerb,
	&pauseVerb,
	&resumeVerb,
	&updateVerb,
	&eventsVerb,
	&killVerb,
	&signalsVerb,
	&stopVerb,
	&waitVerb,
	&observeVerb,
	&deleteVerb,
	&listVerb,
	&specVerb,
	&planVerb,
	&labVerb,
	&featuresVerb,
	&versionVerb,
}

func lookup(name string) *verb {
	for _, v := range verbs {
		if v.name == name {
			return v
		}
	}
	return nil
}
