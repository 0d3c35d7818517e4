using System.Text.Json;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>A map as two bits for each page, and a JSON header beside it, schema <c>kvmsev.encryption-bitmap/1</c>. Lossless.</summary>
/// <remarks>
/// <para>The bitmap has a cell for each 4 KiB page of RAM, in the order of addresses; holes have no cells. Page n of RAM (counted from
/// 0 over all
/// ranges) is bits 2(n mod 4) and 2(n mod 4) + 1 of byte n / 4: 0 unreported, 1 private, 2 shared. Unused bits of the last byte are
/// zero.</para>
/// <para>The header has the fields of <see cref="SharedRegionMapJson"/>, but for <c>ranges</c> it has <c>bitmap</c> {<c>bitsPerPage</c>
/// (2),
/// <c>bytes</c>} and <c>labels</c> [{<c>start</c>, <c>end</c>, <c>text</c>, <c>certainty</c>}].</para>
/// </remarks>
public static class SharedRegionMapBitmap
{
    /// <summary>Bits in a cell.</summary>
    public const int BitsPerPage = 2;

    private const int CellsPerByte = 8 / BitsPerPage;
    private const int BufferBytes = 64 * 1024;

    /// <summary>Writes a map, in constant memory.</summary>
    /// <param name="map">The map.</param>
    /// <param name="bitmap">Where the cells go; stays open.</param>
    /// <param name="header">Where the header goes; stays open.</param>
    /// <exception cref="IOException">An output failed.</exception>
    public static void Write(SharedRegionMap map, Stream bitmap, Stream header)
    {
        WriteHeader(map, header);
        byte[] buffer = new byte[BufferBytes];
        int bits = 0;
        foreach (SharedRegionRun run in map.EnumerateRuns())
        {
            byte fourCells = (byte)((int)run.State * 0b01_01_01_01);
            ulong left = run.Range.PageCount;
            while (left > 0)
            {
                if (bits == BufferBytes * 8)
                {
                    bitmap.Write(buffer);
                    Array.Clear(buffer);
                    bits = 0;
                }

                if ((bits & 7) == 0 && left >= CellsPerByte)
                {
                    int bytes = (int)Math.Min(left / CellsPerByte, (ulong)(BufferBytes - (bits >> 3)));
                    buffer.AsSpan(bits >> 3, bytes).Fill(fourCells);
                    bits += bytes * 8;
                    left -= (ulong)bytes * CellsPerByte;
                }
                else
                {
                    buffer[bits >> 3] |= (byte)((int)run.State << (bits & 7));
                    bits += BitsPerPage;
                    left--;
                }
            }
        }

        bitmap.Write(buffer, 0, (bits + 7) / 8);
    }

    /// <summary>Reads a map.</summary>
    /// <param name="bitmap">The cells; memory is at most some 5/4 of their size, and 6 KiB for each range of RAM.</param>
    /// <param name="header">The header.</param>
    /// <param name="bitmapSource">What to call the bitmap in an error: the file as the user wrote it.</param>
    /// <param name="headerSource">What to call the header in an error.</param>
    /// <exception cref="InvalidInputException">They are no such map; names the field, for example <c>labels[0].text</c>, or the
    /// byte.</exception>
    /// <exception cref="IOException">An input failed.</exception>
    public static SharedRegionMap Read(Stream bitmap, Stream header, string bitmapSource, string headerSource)
    {
        SharedRegionMapJsonReader reader = new(header, headerSource);
        SharedRegionMapHeader read = reader.ReadBitmapHeader(out ulong bytes, out LabelledRange[] labels);
        ulong expected = BytesFor(read.Ram.PageCount);
        if (bytes != expected)
        {
            throw new InvalidInputException(headerSource, "bitmap.bytes", $"is not {expected}, what the RAM's pages need");
        }

        PageStateTree tree;
        try
        {
            tree = new PageStateTree(read.Ram);
        }
        catch (ArgumentException exception)
        {
            throw new InvalidInputException(headerSource, "ram", "is more than this program can map", exception);
        }

        ReadCells(bitmap, bitmapSource, read.Ram, tree);
        (long isPrivate, long isShared) = tree.Pages;
        PageTotals counted = new((ulong)isPrivate, (ulong)isShared, read.Ram.PageCount - (ulong)isPrivate - (ulong)isShared);
        read.CheckTotals(counted, "cells", headerSource);
        return new SharedRegionMap(read.Info, read.Ram, tree.Freeze(), read.Totals, labels);
    }

    private static ulong BytesFor(ulong pages) => (pages + CellsPerByte - 1) / CellsPerByte;

    private static void WriteHeader(SharedRegionMap map, Stream header)
    {
        using Utf8JsonWriter writer = new(header);
        writer.WriteStartObject();
        SharedRegionMapJson.WriteHeader(writer, map, MapWords.BitmapSchema);
        writer.WriteStartObject("bitmap"u8);
        writer.WriteNumber("bitsPerPage"u8, BitsPerPage);
        writer.WriteNumber("bytes"u8, BytesFor(map.Totals.PrivatePages + map.Totals.SharedPages + map.Totals.UnreportedPages));
        writer.WriteEndObject();
        writer.WriteStartArray("labels"u8);
        foreach (LabelledRange label in map.Labels)
        {
            writer.WriteStartObject();
            SharedRegionMapJson.WriteBounds(writer, label.Range);
            SharedRegionMapJson.WriteLabel(writer, label.Label);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.Flush();
        header.Write("\n"u8);
    }

    private static void ReadCells(Stream bitmap, string source, RamRanges ram, PageStateTree tree)
    {
        CellReader cells = new(bitmap, source);
        foreach (GpaRange range in ram.Ranges)
        {
            ulong frame = range.Start.Value >> GuestPage.Shift;
            ulong end = range.End.Value >> GuestPage.Shift;
            while (frame < end)
            {
                ulong runEnd = frame + cells.ReadRun(end - frame, out PageState state);
                if (state != PageState.Unreported)
                {
                    tree.Set(frame, runEnd - 1, state);
                }

                frame = runEnd;
            }
        }

        cells.RequireEnd();
    }

    /// <summary>Reads cells one after the other, runs of them at once.</summary>
    private sealed class CellReader(Stream bitmap, string source)
    {
        private readonly byte[] _buffer = new byte[BufferBytes];
        private int _used;
        private int _bit;
        private ulong _bytesBefore;

        /// <summary>Reads cells of one state; the next cell can be in the same one.</summary>
        public ulong ReadRun(ulong limit, out PageState state)
        {
            int cell = Cell();
            state = (PageState)cell;
            byte fourCells = (byte)(cell * 0b01_01_01_01);
            ulong count = 0;
            while (count < limit && HasByte())
            {
                if ((_bit & 7) == 0 && limit - count >= CellsPerByte && _buffer[_bit >> 3] == fourCells)
                {
                    int wholeBytes = (int)Math.Min((ulong)(_used - (_bit >> 3)), (limit - count) / CellsPerByte);
                    ReadOnlySpan<byte> rest = _buffer.AsSpan(_bit >> 3, wholeBytes);
                    int same = rest.IndexOfAnyExcept(fourCells);
                    same = same < 0 ? rest.Length : same;
                    _bit += same * 8;
                    count += (ulong)same * CellsPerByte;
                }
                else if (Cell() == cell)
                {
                    _bit += BitsPerPage;
                    count++;
                }
                else
                {
                    break;
                }
            }

            return count;
        }

        /// <summary>Checks that nothing follows but the unused bits of the last byte.</summary>
        public void RequireEnd()
        {
            if ((_bit & 7) != 0)
            {
                if (_buffer[_bit >> 3] >> (_bit & 7) != 0)
                {
                    throw Invalid("has bits behind the last page");
                }

                _bit = (_bit | 7) + 1;
            }

            if (HasByte())
            {
                throw Invalid("lies behind the last page; the file is too long");
            }
        }

        private int Cell()
        {
            if (!HasByte())
            {
                throw Invalid("is missing; the file is too short");
            }

            int cell = (_buffer[_bit >> 3] >> (_bit & 7)) & 3;
            return cell != 3 ? cell : throw Invalid("has a cell that is none of 0, 1, 2");
        }

        private bool HasByte()
        {
            if (_bit >> 3 == _used)
            {
                _bytesBefore += (ulong)_used;
                _bit = 0;
                _used = bitmap.Read(_buffer, 0, _buffer.Length);
            }

            return _used != 0;
        }

        private InvalidInputException Invalid(string problem) =>
            new(source, $"byte {_bytesBefore + (ulong)(_bit >> 3)}", problem);
    }
}
