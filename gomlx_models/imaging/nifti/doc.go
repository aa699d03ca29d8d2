// Package nifti reads volumes in NIfTI-1 and NIfTI-2 files, .nii and .nii.gz,
// of either byte order, and cuts them into slices.
//
//	v, err := nifti.Read(file)
//	values, height, width, err := v.Slice(2, v.Shape[2]/2, 0) // the middle along the third axis
//	mm := v.Position(10, 20, 30)                               // where a voxel lies in the scanner
//
// The format is that of https://nifti.nimh.nih.gov. Pairs of .hdr and .img,
// colour and complex numbers are not read.
package nifti
