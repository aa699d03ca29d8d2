"""Writes the DICOM files beside it, and in pydicom.json what pydicom reads from them.

    python -m venv venv && venv/bin/pip install pydicom==3.0.2 numpy==2.4.6 pillow==13.0.0 && venv/bin/python make.py
"""
import io, json, pathlib
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import (DeflatedExplicitVRLittleEndian, EnhancedCTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian,
                         ImplicitVRLittleEndian, JPEGBaseline8Bit, SecondaryCaptureImageStorage, generate_uid)

here = pathlib.Path(__file__).parent
rows, columns = 6, 5
ramp = np.arange(rows * columns).reshape(rows, columns)
expected = {}


def image(pixels, photometric="MONOCHROME2", bits=8, signed=0):
    d = Dataset()
    d.SOPClassUID, d.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid(entropy_srcs=["assay"])
    d.PatientID, d.Modality = "made", "OT"
    d.Rows, d.Columns = rows, columns
    d.SamplesPerPixel = 3 if photometric.startswith(("RGB", "YBR")) else 1
    d.PhotometricInterpretation = photometric
    d.BitsAllocated = d.BitsStored = bits
    d.HighBit, d.PixelRepresentation = bits - 1, signed
    if isinstance(pixels, bytes):
        d.PixelData = pixels
    else:
        kind = {(8, 0): "u1", (16, 0): "u2", (16, 1): "i2"}[bits, signed]
        d.PixelData = pixels.astype(kind).tobytes()
    d["PixelData"].VR = "OB" if bits == 8 else "OW"
    return d


def lut(first, entries, bits):
    d = Dataset()
    d.LUTDescriptor = [len(entries) % 65536, first, bits]
    d["LUTDescriptor"].VR = "SS" if first < 0 else "US"
    d.LUTData = np.asarray(entries, "u2").tobytes()
    d["LUTData"].VR = "OW"
    return d


def save(name, d, syntax, read):
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = syntax
    d.file_meta.MediaStorageSOPClassUID, d.file_meta.MediaStorageSOPInstanceUID = d.SOPClassUID, d.SOPInstanceUID
    if syntax == ExplicitVRBigEndian:
        for owner, name_of in [(d, "PixelData")] + [(item, "LUTData") for item in d.get("ModalityLUTSequence", [])]:
            setattr(owner, name_of, np.frombuffer(owner[name_of].value, "<u2").byteswap().tobytes())
    path = here / name
    d.save_as(path, enforce_file_format=True)
    expected[name] = np.asarray(read(pydicom.dcmread(path)), "f8").ravel().tolist()


def values(d):
    return apply_modality_lut(d.pixel_array, d)


def greys(d):
    # Of a lookup table, what the highest entry that its bits allow makes white.
    return apply_voi_lut(values(d), d) / (2 ** d.VOILUTSequence[0].LUTDescriptor[2] - 1)


def palette(d):
    rgb = apply_color_lut(d.pixel_array, d)
    return rgb >> 8 if d.RedPaletteColorLookupTableDescriptor[2] == 16 else rgb


# Deflated Explicit VR Little Endian, rescaled.
d = image(ramp * 40, bits=16)
d.RescaleSlope, d.RescaleIntercept = "0.5", "-1024"
save("deflated.dcm", d, DeflatedExplicitVRLittleEndian, values)

# A modality lookup table that begins at 3 and ends at 22: numbers beyond have its ends.
table = [(i * i * 7) % 4096 for i in range(20)]
for name, syntax in ("modality_lut.dcm", ExplicitVRLittleEndian), ("modality_lut_implicit.dcm", ImplicitVRLittleEndian), ("modality_lut_big.dcm", ExplicitVRBigEndian):
    d = image(ramp, bits=16)
    item = lut(3, table, 16)
    item.ModalityLUTType = "US"
    d.ModalityLUTSequence = Sequence([item])
    save(name, d, syntax, values)

# A lookup table of greys for signed numbers, beside a window that it goes before.
d = image(ramp - 15, bits=16, signed=1)
d.VOILUTSequence = Sequence([lut(-10, [i * i * 10 for i in range(20)], 12)])
d.WindowCenter, d.WindowWidth = "0", "10"
save("voi_lut.dcm", d, ExplicitVRLittleEndian, greys)

# A palette of 16 bits, and one of 8 bits packed two a word.
for name, bits in ("palette.dcm", 16), ("palette_8bit.dcm", 8):
    d = image(ramp, "PALETTE COLOR")
    for k, colour in enumerate(("Red", "Green", "Blue")):
        entries = [(i * (k + 3) * 8) % 256 for i in range(30)]
        raw = np.asarray(entries, "u1").tobytes() if bits == 8 else (np.asarray(entries, "u2") * 257).tobytes()
        setattr(d, colour + "PaletteColorLookupTableDescriptor", [30, 0, bits])
        d[colour + "PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(d, colour + "PaletteColorLookupTableData", raw)
    save(name, d, ExplicitVRLittleEndian, palette)

# An enhanced image: a slope for all frames, an intercept and a window for each.
frames = np.stack([ramp, ramp + 100, ramp + 200])
d = image(frames, bits=16)
d.SOPClassUID, d.NumberOfFrames = EnhancedCTImageStorage, 3
shared, each = Dataset(), []
for i in range(3):
    rescale, window, frame = Dataset(), Dataset(), Dataset()
    rescale.RescaleIntercept, rescale.RescaleSlope, rescale.RescaleType = str(-1000 * i), "2", "HU"
    window.WindowCenter, window.WindowWidth = str(40 - 1000 * i), "400"
    frame.PixelValueTransformationSequence, frame.FrameVOILUTSequence = Sequence([rescale]), Sequence([window])
    each.append(frame)
d.SharedFunctionalGroupsSequence, d.PerFrameFunctionalGroupsSequence = Sequence([shared]), Sequence(each)


def enhanced(d):
    out = []
    for frame, group in zip(d.pixel_array, d.PerFrameFunctionalGroupsSequence):
        out.append(apply_modality_lut(frame, group.PixelValueTransformationSequence[0]))
    return np.stack(out)


save("enhanced.dcm", d, ExplicitVRLittleEndian, enhanced)

# JPEG Baseline: two grey frames, and colours as YBR_FULL_422 and as RGB.
rows, columns = 16, 24
smooth = (np.add.outer(np.arange(rows) * 6, np.arange(columns) * 5) % 256).astype("u1")


def jpeg(pixels, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95, **options)
    return out.getvalue()


def jpeg_image(photometric, *encoded):
    d = image(b"", photometric)
    d.PlanarConfiguration, d.NumberOfFrames = 0, len(encoded)
    if d.SamplesPerPixel == 1:
        del d.PlanarConfiguration
    d.PixelData = encapsulate(list(encoded))
    d["PixelData"].is_undefined_length = True
    d.LossyImageCompression = "01"
    return d


save("jpeg.dcm", jpeg_image("MONOCHROME2", jpeg(smooth), jpeg(255 - smooth)), JPEGBaseline8Bit, pixel_array)
colour = np.stack([smooth, smooth[::-1], np.full_like(smooth, 90)], -1)
save("jpeg_ybr.dcm", jpeg_image("YBR_FULL_422", jpeg(colour, subsampling=0)), JPEGBaseline8Bit, pixel_array)
save("jpeg_rgb.dcm", jpeg_image("RGB", jpeg(colour, subsampling=0, keep_rgb=True)), JPEGBaseline8Bit, pixel_array)

(here / "pydicom.json").write_text(json.dumps(expected, indent=0).replace(",\n", ",") + "\n")
