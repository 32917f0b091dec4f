#!/bin/bash
# Makes the sample files that the demo and the tests archive: small, real files of the types that WhatsApp delivers.
# Everything in them is drawn or synthesised here. Needs Debian's ffmpeg, ghostscript, webp and zip; installs what is
# missing. The same versions of these tools make the same bytes.
#
# usage: scripts/make-samples.sh [directory, default samples]
set -euo pipefail

samples=$(realpath -m "${1:-$(dirname "$0")/../samples}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$samples"

# Zip and ghostscript write local times.
export TZ=UTC LC_ALL=C SOURCE_DATE_EPOCH=1767225600
max_bytes=51200

install_tools() {
  local missing=()
  command -v ffmpeg >/dev/null || missing+=(ffmpeg)
  command -v gs >/dev/null || missing+=(ghostscript)
  command -v img2webp >/dev/null || missing+=(webp)
  command -v zip >/dev/null || missing+=(zip)
  command -v file >/dev/null || missing+=(file)
  if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
  fi
}

encode() {
  ffmpeg -nostdin -hide_banner -loglevel error -y "${inputs[@]}" -map_metadata -1 -threads 1 \
    -fflags +bitexact -flags:v +bitexact -flags:a +bitexact "$@"
}

draw() {
  gs -dSAFER -dBATCH -dNOPAUSE -q "$@"
}

# Three falling tones, soft at both ends: no click, and clearly audible.
melody="aevalsrc=exprs='0.4*sin(2*PI*t*(660-110*floor(t/0.6)))*sin(PI*mod(t,0.6)/0.6)':d=1.8:s=48000"

make_photo() {
  inputs=(-f lavfi -i 'mandelbrot=size=640x480:start_scale=0.004:start_x=-0.743643:start_y=-0.131826:maxiter=400')
  encode -frames:v 1 -vf 'gblur=sigma=0.8,format=yuvj420p' -q:v 9 "$samples/photo.jpg"
}

make_diagram() {
  cat >"$work/diagram.ps" <<'PS'
<< /PageSize [480 240] >> setpagedevice
1 1 1 setrgbcolor 0 0 480 240 rectfill
/Helvetica-Bold findfont 16 scalefont setfont
/box { % label x y
  gsave translate
  0.88 0.95 0.9 setrgbcolor 0 0 120 60 rectfill
  0.1 0.4 0.3 setrgbcolor 2 setlinewidth 0 0 120 60 rectstroke
  60 24 moveto dup stringwidth pop 2 div neg 0 rmoveto show
  grestore
} def
/arrow { % x y
  gsave translate 0.1 0.4 0.3 setrgbcolor 2 setlinewidth
  0 0 moveto 32 0 lineto stroke
  40 0 moveto 30 5 lineto 30 -5 lineto closepath fill
  grestore
} def
(WhatsApp) 20 90 box
(Archive) 180 90 box
(Bucket) 340 90 box
140 120 arrow
300 120 arrow
0.1 0.4 0.3 setrgbcolor
/Helvetica findfont 13 scalefont setfont
180 60 moveto (size and SHA-256 proven) show
showpage
PS
  draw -sDEVICE=png16m -r72 -dTextAlphaBits=4 -dGraphicsAlphaBits=4 -sOutputFile="$samples/diagram.png" "$work/diagram.ps"
}

make_sticker() {
  local frame
  for frame in 0 1 2 3 4 5 6 7; do
    cat >"$work/sticker-$frame.ps" <<PS
<< /PageSize [512 512] >> setpagedevice
256 256 translate
1 0.8 0.2 setrgbcolor 0 0 220 0 360 arc fill
0.2 0.15 0.1 setrgbcolor
-80 70 32 0 360 arc fill
80 70 32 0 360 arc fill
14 setlinewidth 1 setlinecap
0 -20 110 200 $((340 - frame * 2)) arc stroke
$((frame * 45)) rotate
0.95 0.3 0.3 setrgbcolor 236 0 18 0 360 arc fill
showpage
PS
    draw -sDEVICE=pngalpha -r72 -dGraphicsAlphaBits=4 -sOutputFile="$work/sticker-$frame.png" "$work/sticker-$frame.ps"
  done
  img2webp -loop 0 -d 100 -lossy -q 40 -m 6 "$work"/sticker-?.png -o "$samples/sticker.webp" >/dev/null 2>&1
}

make_clip() {
  inputs=(-f lavfi -i 'testsrc2=size=320x240:rate=12:duration=1.8' -f lavfi -i "$melody")
  # Baseline has no B-frames, and the index (moov) comes first: what WhatsApp itself asks of a video.
  encode -c:v libx264 -profile:v baseline -pix_fmt yuv420p -preset veryslow -crf 34 -g 24 \
    -c:a aac -b:a 32k -ac 1 -movflags +faststart -shortest "$samples/clip.mp4"
}

make_audio() {
  inputs=(-f lavfi -i "$melody")
  encode -c:a libopus -b:a 16k -ac 1 -application voip "$samples/voice-note.ogg"
  encode -c:a libmp3lame -b:a 32k -ac 1 -ar 24000 "$samples/note.mp3"
  encode -c:a aac -b:a 32k -ac 1 -ar 24000 -movflags +faststart -brand 'M4A ' "$samples/note.m4a"
}

make_contract() {
  cat >"$work/contract.ps" <<'PS'
<< /PageSize [595 842] >> setpagedevice
[ /Title (Contract) /Author (whatsapp-media-archive) /DOCINFO pdfmark
/Times-Bold findfont 24 scalefont setfont 72 740 moveto (Contract) show
/Times-Roman findfont 12 scalefont setfont
72 700 moveto (Between Example Ltd. and Sample Inc., two companies that do not exist.) show
72 680 moveto (1. The first party sends a document. 2. The second party keeps it, byte for byte.) show
0.5 setlinewidth 72 560 moveto 260 560 lineto stroke 335 560 moveto 523 560 lineto stroke
72 544 moveto (Example Ltd.) show 335 544 moveto (Sample Inc.) show
0 0.2 0.6 setrgbcolor 1.5 setlinewidth
84 566 moveto 110 610 130 540 150 580 curveto 170 600 190 560 230 578 curveto stroke
showpage
PS
  draw -sDEVICE=pdfwrite -dCompatibilityLevel=1.7 -dOmitInfoDate=true -dOmitID=true -dOmitXMP=true \
    -sOutputFile="$samples/contract.pdf" "$work/contract.ps"
}

make_letter() {
  local parts="$work/letter"
  mkdir -p "$parts/_rels" "$parts/word/_rels" "$parts/docProps"
  local declaration='<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
  local office='http://schemas.openxmlformats.org/officeDocument/2006/relationships'
  local package='http://schemas.openxmlformats.org/package/2006'
  local word='application/vnd.openxmlformats-officedocument.wordprocessingml'
  cat >"$parts/[Content_Types].xml" <<XML
$declaration
<Types xmlns="$package/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="$word.document.main+xml"/><Override PartName="/word/styles.xml" ContentType="$word.styles+xml"/><Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>
XML
  cat >"$parts/_rels/.rels" <<XML
$declaration
<Relationships xmlns="$package/relationships"><Relationship Id="rId1" Type="$office/officeDocument" Target="word/document.xml"/><Relationship Id="rId2" Type="$package/relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>
XML
  cat >"$parts/word/_rels/document.xml.rels" <<XML
$declaration
<Relationships xmlns="$package/relationships"><Relationship Id="rId1" Type="$office/styles" Target="styles.xml"/></Relationships>
XML
  cat >"$parts/word/document.xml" <<XML
$declaration
<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>A letter</w:t></w:r></w:p><w:p><w:r><w:t>Dear reader, this letter was sent through WhatsApp and must come back unchanged. Grüße aus dem Archiv.</w:t></w:r></w:p><w:sectPr><w:pgSz w:w="11906" w:h="16838"/></w:sectPr></w:body></w:document>
XML
  cat >"$parts/word/styles.xml" <<XML
$declaration
<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/><w:basedOn w:val="Normal"/><w:rPr><w:b/><w:sz w:val="32"/></w:rPr></w:style></w:styles>
XML
  cat >"$parts/docProps/core.xml" <<XML
$declaration
<cp:coreProperties xmlns:cp="$package/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>A letter</dc:title><dcterms:created xsi:type="dcterms:W3CDTF">2026-01-01T00:00:00Z</dcterms:created></cp:coreProperties>
XML
  find "$parts" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
  rm -f "$samples/letter.docx"
  # Word puts the content types first; `file` and other sniffers look for them there.
  (cd "$parts" && zip -X -9 -q "$samples/letter.docx" '[Content_Types].xml' _rels/.rels word/document.xml \
    word/_rels/document.xml.rels word/styles.xml docProps/core.xml)
}

# expect FILE WORDS: `file` recognises it by these words, and it is small enough to commit.
expect() {
  local path="$samples/$1" bytes
  bytes=$(stat -c %s "$path")
  if [ "$bytes" -ge "$max_bytes" ]; then
    echo "$1 has $bytes bytes, more than $max_bytes" >&2
    exit 1
  fi
  if ! file -b "$path" | grep -q "$2"; then
    echo "$1 is not '$2' but $(file -b "$path")" >&2
    exit 1
  fi
  printf '%-16s %6d bytes  %s\n' "$1" "$bytes" "$(file -b "$path" | cut -c1-80)"
}

expect_codecs() {
  local codecs
  codecs=$(ffprobe -v error -show_entries stream=codec_name,channels -of csv=p=0 "$samples/$1" | paste -sd ' ')
  if [ "$codecs" != "$2" ]; then
    echo "$1 has '$codecs', expected '$2'" >&2
    exit 1
  fi
}

install_tools
make_photo
make_diagram
make_sticker
make_clip
make_audio
make_contract
make_letter

expect photo.jpg 'JPEG image data'
expect diagram.png 'PNG image data, 480 x 240, 8-bit/color RGB'
expect sticker.webp 'Web/P image'
expect clip.mp4 'ISO Media'
expect voice-note.ogg 'Ogg data, Opus audio'
expect note.mp3 'MPEG ADTS, layer III'
expect note.m4a 'ISO Media'
expect contract.pdf 'PDF document, version 1.7'
expect letter.docx 'Microsoft Word 2007+'
expect_codecs clip.mp4 'h264 aac,1'
expect_codecs voice-note.ogg 'opus,1'
expect_codecs note.mp3 'mp3,1'
expect_codecs note.m4a 'aac,1'
