// What the generated material.slang is compiled with; each has a default.
//
// NEUMAT_WEIGHTS   where the weights are: 0 in a float texture, 1 in a storage buffer, 2 in a constant buffer
// NEUMAT_STORAGE   maps and latents as codes in storage buffers instead of textures (C++, CUDA)
// NEUMAT_COMBINED  textures with their samplers in one object, as OpenGL's GLSL has them
// NEUMAT_BATCH     add the compute entry point evaluate_batch, which runs the test vectors
#ifndef NEUMAT_BINDINGS_H
#define NEUMAT_BINDINGS_H

#ifndef NEUMAT_WEIGHTS
#define NEUMAT_WEIGHTS 0
#endif

#ifdef NEUMAT_COMBINED
#define NEUMAT_TEXTURE Sampler2D
#else
#define NEUMAT_TEXTURE Texture2D
#endif

// A library keeps the names of its globals; with an entry point they become its parameters in some languages.
#ifdef NEUMAT_BATCH
#define NEUMAT_GLOBAL
#else
#define NEUMAT_GLOBAL export __extern_cpp
#endif

#endif
