using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;
using System.Text;
using System.Text.Encodings.Web;

namespace KvmSevVmm.Vmm;

/// <summary>
/// Writes what happens to a guest as JSON lines: one object per event, in the order in which the events took the log's lock.
/// </summary>
/// <remarks>
/// <para>Made for vCPU threads: an event allocates nothing, never throws and costs some 100 ns; only when 64 KiB are full does it
/// write.</para>
/// <para>A write that fails (disk full, closed pipe) ends the log: <see cref="Failure"/> keeps the reason, and every event that did not
/// surely
/// reach the output is counted in <see cref="LostEvents"/>. The last line of such a file may be cut short.</para>
/// </remarks>
public sealed class EventLog : IDisposable
{
    private const int BufferBytes = 64 * 1024;

    // An event without text and a piece together are shorter than this, so that a write ends at the end of a line.
    private const int LineBytes = 1024;

    // The longest piece that is formatted without looking at the space left: a number, a name of a field, 64 escaped characters.
    private const int PieceBytes = 448;
    private const int PieceChars = 64;

    private static readonly StandardFormat SixDigits = new('D', 6);
    private static readonly StandardFormat Hex = new('x');

    private readonly Lock _lock = new();
    private readonly Stream _output;
    private readonly long _startTimestamp;
    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _used;
    private long _unwrittenEvents;
    private bool _isEventOpen;
    private long _events;
    private long _lostEvents;
    private Exception? _failure;
    private bool _isDisposed;

    /// <summary>Makes a log.</summary>
    /// <param name="output">Where to; the log owns it. It should not buffer, the log does.</param>
    /// <param name="startTimestamp">Stopwatch ticks that times count from.</param>
    public EventLog(Stream output, long startTimestamp)
    {
        _output = output;
        _startTimestamp = startTimestamp;
    }

    /// <summary>Events given to the log, lost ones among them.</summary>
    public long Events
    {
        get
        {
            lock (_lock)
            {
                return _events;
            }
        }
    }

    /// <summary>Events that did not surely reach the output.</summary>
    public long LostEvents
    {
        get
        {
            lock (_lock)
            {
                return _lostEvents;
            }
        }
    }

    /// <summary>Why the log ended early; null while it works.</summary>
    public Exception? Failure
    {
        get
        {
            lock (_lock)
            {
                return _failure;
            }
        }
    }

    /// <summary>Makes a log in a new file that only its owner can read; an existing file is emptied.</summary>
    /// <param name="path">The file.</param>
    /// <param name="startTimestamp">Stopwatch ticks that times count from.</param>
    /// <exception cref="IOException">The file cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be made.</exception>
    public static EventLog Create(string path, long startTimestamp)
    {
        FileStreamOptions options = new()
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite,
            BufferSize = 0,
        };
        if (OperatingSystem.IsLinux())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new EventLog(new FileStream(path, options), startTimestamp);
    }

    /// <summary>Hypercall 12 of a guest, as it made it.</summary>
    /// <param name="vcpu">The vCPU.</param>
    /// <param name="gpa">First argument: the address.</param>
    /// <param name="pages">Second argument: 4 KiB pages.</param>
    /// <param name="attributes">Third argument.</param>
    /// <param name="result">What the guest got: 0, or a negative KVM error.</param>
    public void MapGpaRange(int vcpu, ulong gpa, ulong pages, ulong attributes, long result)
    {
        lock (_lock)
        {
            if (Begin("map-gpa-range"u8))
            {
                Number(",\"vcpu\":"u8, vcpu);
                HexString(",\"gpa\":\""u8, gpa);
                Number(",\"pages\":"u8, pages);
                HexString(",\"attributes\":\""u8, attributes);
                Number(",\"result\":"u8, result);
                End();
            }
        }
    }

    /// <summary>Pages that changed their state without a call: a SEV-SNP guest touched them so, or its launch made them private.</summary>
    /// <param name="vcpu">The vCPU; -1 for the launch.</param>
    /// <param name="gpa">The first page's address.</param>
    /// <param name="pages">4 KiB pages.</param>
    /// <param name="isPrivate">What they are now.</param>
    public void Conversion(int vcpu, ulong gpa, ulong pages, bool isPrivate)
    {
        lock (_lock)
        {
            if (Begin("conversion"u8))
            {
                Number(",\"vcpu\":"u8, vcpu);
                HexString(",\"gpa\":\""u8, gpa);
                Number(",\"pages\":"u8, pages);
                Append(isPrivate ? ",\"state\":\"private\""u8 : ",\"state\":\"shared\""u8);
                End();
            }
        }
    }

    /// <summary>A guest's WRMSR that reached the monitor.</summary>
    /// <param name="vcpu">The vCPU.</param>
    /// <param name="index">The MSR.</param>
    /// <param name="value">The value written.</param>
    /// <param name="isFault">Whether the guest got #GP instead.</param>
    public void MsrWrite(int vcpu, uint index, ulong value, bool isFault = false) => Msr("msr-write"u8, vcpu, index, value, isFault);

    /// <summary>A guest's RDMSR that reached the monitor.</summary>
    /// <param name="vcpu">The vCPU.</param>
    /// <param name="index">The MSR.</param>
    /// <param name="value">The value given.</param>
    /// <param name="isFault">Whether the guest got #GP instead.</param>
    public void MsrRead(int vcpu, uint index, ulong value, bool isFault = false) => Msr("msr-read"u8, vcpu, index, value, isFault);

    /// <summary>A step in the life of the machine.</summary>
    /// <param name="name">The step: small letters and hyphens.</param>
    /// <param name="detail">What else is to be said; any text.</param>
    public void Lifecycle(string name, string? detail = null)
    {
        lock (_lock)
        {
            if (Begin("lifecycle"u8))
            {
                Text(",\"name\":\""u8, name);
                if (detail is not null)
                {
                    Text(",\"detail\":\""u8, detail);
                }

                End();
            }
        }
    }

    /// <summary>What the machine is: the first event, so that the log can be replayed without any other file.</summary>
    /// <param name="mode">What protects the memory, one word.</param>
    /// <param name="cBit">C-bit position, or null.</param>
    /// <param name="memoryBytes">The guest's memory as configured, in bytes.</param>
    /// <param name="hypercallAbi">How the attributes of hypercall 12 are meant: <c>map-gpa-range</c> or <c>page-enc-status</c>.</param>
    /// <param name="time">The moment of this event on the wall clock.</param>
    public void Machine(string mode, int? cBit, ulong memoryBytes, string hypercallAbi, DateTimeOffset time)
    {
        lock (_lock)
        {
            if (Begin("machine"u8))
            {
                Text(",\"mode\":\""u8, mode);
                if (cBit is int bit)
                {
                    Number(",\"cBit\":"u8, bit);
                }

                Number(",\"memoryBytes\":"u8, memoryBytes);
                Text(",\"hypercallAbi\":\""u8, hypercallAbi);
                Text(",\"time\":\""u8, Sharing.MapWords.Of(time));
                End();
            }
        }
    }

    /// <summary>What a range of RAM is used for, as far as the monitor itself knows.</summary>
    /// <param name="region">Whole pages and their label.</param>
    public void Region(Sharing.LabelledRange region)
    {
        lock (_lock)
        {
            if (Begin("region"u8))
            {
                HexString(",\"gpa\":\""u8, region.Range.Start.Value);
                Number(",\"pages\":"u8, region.Range.PageCount);
                Text(",\"label\":\""u8, region.Label.Text);
                Text(",\"certainty\":\""u8, Sharing.MapWords.Of(region.Label.Certainty));
                End();
            }
        }
    }

    /// <summary>KVM_EXIT_MEMORY_FAULT: a guest used pages in the other state than the one they are backed for.</summary>
    /// <param name="vcpu">The vCPU.</param>
    /// <param name="gpa">First address.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="flags">The exit's flags; bit 3 says that the access was private.</param>
    public void MemoryFault(int vcpu, ulong gpa, ulong size, ulong flags)
    {
        lock (_lock)
        {
            if (Begin("memory-fault"u8))
            {
                Number(",\"vcpu\":"u8, vcpu);
                HexString(",\"gpa\":\""u8, gpa);
                HexString(",\"size\":\""u8, size);
                HexString(",\"flags\":\""u8, flags);
                End();
            }
        }
    }

    /// <summary>Hands everything to the operating system. A failure shows in <see cref="Failure"/>.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            WriteOut();
        }
    }

    /// <summary>Flushes and closes the output. A failure shows in <see cref="Failure"/>; later events are lost.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            WriteOut();
            _isDisposed = true;
            try
            {
                _output.Dispose();
            }
#pragma warning disable CA1031 // Whatever a stream throws is kept for the one who asks.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                _failure ??= exception;
            }
        }
    }

    private void Msr(ReadOnlySpan<byte> name, int vcpu, uint index, ulong value, bool isFault)
    {
        lock (_lock)
        {
            if (Begin(name))
            {
                Number(",\"vcpu\":"u8, vcpu);
                HexString(",\"index\":\""u8, index);
                HexString(",\"value\":\""u8, value);
                if (isFault)
                {
                    Append(",\"fault\":true"u8);
                }

                End();
            }
        }
    }

    private bool Begin(ReadOnlySpan<byte> name)
    {
        _events++;
        if (_used > BufferBytes - LineBytes)
        {
            WriteOut();
        }

        if (_failure is not null || _isDisposed)
        {
            _lostEvents++;
            return false;
        }

        _unwrittenEvents++;
        _isEventOpen = true;
        long microseconds = Stopwatch.GetElapsedTime(_startTimestamp).Ticks / TimeSpan.TicksPerMicrosecond;
        Number("{\"t\":"u8, microseconds / 1_000_000);
        Append("."u8);
        Reserve();
        Take(Utf8Formatter.TryFormat(microseconds % 1_000_000, _buffer.AsSpan(_used), out int written, SixDigits), written);
        Append(",\"event\":\""u8);
        Append(name);
        Append("\""u8);
        return true;
    }

    private void End()
    {
        Append("}\n"u8);
        _isEventOpen = false;
    }

    private void Number(ReadOnlySpan<byte> field, long value)
    {
        Append(field);
        Take(Utf8Formatter.TryFormat(value, _buffer.AsSpan(_used), out int written), written);
    }

    private void Number(ReadOnlySpan<byte> field, ulong value)
    {
        Append(field);
        Take(Utf8Formatter.TryFormat(value, _buffer.AsSpan(_used), out int written), written);
    }

    private void HexString(ReadOnlySpan<byte> field, ulong value)
    {
        Append(field);
        Append("0x"u8);
        Take(Utf8Formatter.TryFormat(value, _buffer.AsSpan(_used), out int written, Hex), written);
        Append("\""u8);
    }

    private void Text(ReadOnlySpan<byte> field, ReadOnlySpan<char> text)
    {
        Append(field);
        Span<char> escaped = stackalloc char[PieceChars * 12];
        while (!text.IsEmpty)
        {
            // The encoder writes ASCII only and stops before half a surrogate pair, unless nothing follows it.
            ReadOnlySpan<char> piece = text[..Math.Min(PieceChars, text.Length)];
            bool isLast = piece.Length == text.Length;
            _ = JavaScriptEncoder.Default.Encode(piece, escaped, out int consumed, out int written, isFinalBlock: isLast);
            Reserve();
            _used += Encoding.UTF8.GetBytes(escaped[..written], _buffer.AsSpan(_used));
            text = text[consumed..];
        }

        Append("\""u8);
    }

    /// <summary>Appends a piece and leaves room for a number behind it.</summary>
    private void Append(ReadOnlySpan<byte> piece)
    {
        Reserve();
        piece.CopyTo(_buffer.AsSpan(_used));
        _used += piece.Length;
    }

    private void Reserve()
    {
        if (_used > BufferBytes - PieceBytes)
        {
            WriteOut();
        }
    }

    private void Take(bool fitted, int written)
    {
        // Reserve left more room than any number needs.
        Debug.Assert(fitted, "no room for a number");
        _used += written;
    }

    private void WriteOut()
    {
        if (_used > 0 && _failure is null && !_isDisposed)
        {
            try
            {
                _output.Write(_buffer, 0, _used);
                _output.Flush();
            }
#pragma warning disable CA1031 // Whatever a stream throws, a vCPU thread must not see it; it is kept for the one who asks.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                _failure = exception;
                _lostEvents += _unwrittenEvents;
            }
        }

        // A long text can be written while its event is still open: without its end the event counts as lost.
        _used = 0;
        _unwrittenEvents = _isEventOpen ? 1 : 0;
    }
}
