using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Errors;

namespace KvmSevVmm.Vmm.Memory;

/// <summary>The guest's RAM: owns the host memory behind it and gives checked access by guest physical address, without copies.</summary>
/// <remarks>
/// <para>Addresses are without the C-bit. An access lies in one RAM range or fails; none of the methods allocates, and all but
/// <see cref="Dispose"/> may be called from any thread. A guest can change its memory between two reads: copy a structure once, check
/// the copy, use the copy.</para>
/// <para>Dispose last: after the vCPU threads and device threads have been joined (a span does not keep its memory mapped) and after the
/// VM that has it as memslots is closed.</para>
/// </remarks>
public sealed class GuestMemory : IDisposable
{
    // There are at most three ranges (GuestLayout), and nearly every access goes to the first: fields, tried in turn, cost less than a
    // remembered last hit, which all vCPUs would write.
    private readonly GuestRegion _low;
    private readonly GuestRegion? _high;
    private readonly GuestRegion? _firmware;

    /// <summary>Makes guest memory out of mappings that it owns from now on.</summary>
    /// <param name="layout">The machine's layout.</param>
    /// <param name="low">Backs <see cref="GuestLayout.LowRam"/>.</param>
    /// <param name="high">Backs <see cref="GuestLayout.HighRam"/>, or null when that is empty.</param>
    /// <param name="firmware">Backs <see cref="GuestLayout.Firmware"/>, or null when that is empty.</param>
    internal GuestMemory(GuestLayout layout, GuestRegion low, GuestRegion? high, GuestRegion? firmware = null)
    {
        Layout = layout;
        _low = low;
        _high = high;
        _firmware = firmware;
    }

    /// <summary>The machine's layout.</summary>
    public GuestLayout Layout { get; }

    /// <summary>Every range of RAM, ascending.</summary>
    public IReadOnlyList<GpaRange> Ranges => Layout.RamRanges;

    /// <summary>Maps zeroed memory for every RAM range of <paramref name="layout"/>. The host gives pages when they are touched.</summary>
    /// <param name="layout">The machine's layout.</param>
    /// <exception cref="HostLacksException">The host refuses to map that much.</exception>
    [SuppressMessage("Reliability", "CA2000", Justification = "The regions belong to the GuestMemory, which disposes them.")]
    public static GuestMemory Create(GuestLayout layout)
    {
        GuestRegion? low = null;
        GuestRegion? high = null;
        try
        {
            low = Map(layout.LowRam);
            high = layout.HighRam.IsEmpty ? null : Map(layout.HighRam);
            return new GuestMemory(layout, low, high, layout.Firmware.IsEmpty ? null : Map(layout.Firmware));
        }
        catch (KvmException e)
        {
            high?.Mapping.Dispose();
            low?.Mapping.Dispose();
            throw new HostLacksException(
                $"The host does not map {layout.MemoryBytes} bytes for the guest's RAM: {e.Message}",
                "Ask for less with --memory, or look at 'ulimit -v' and vm.overcommit_memory.");
        }
    }

    /// <summary>Whether all of <paramref name="range"/> is RAM, and in one range of it.</summary>
    /// <param name="range">Guest addresses.</param>
    public bool Contains(GpaRange range) => TryFind(range.Start, range.Length, out _, out _);

    /// <summary>A piece of RAM, if all of it is RAM.</summary>
    /// <param name="gpa">First address; a guest may have chosen it.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="span">The guest's own bytes, not a copy.</param>
    public bool TryGetSpan(Gpa gpa, int length, out Span<byte> span) =>
        _low.TryGetSpan(gpa, length, out span)
        || (_high is not null && _high.TryGetSpan(gpa, length, out span))
        || (_firmware is not null && _firmware.TryGetSpan(gpa, length, out span));

    /// <summary>A piece of RAM that is not to be written, if all of it is RAM.</summary>
    /// <param name="gpa">First address; a guest may have chosen it.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="span">The guest's own bytes, not a copy: they can still change.</param>
    public bool TryGetReadOnlySpan(Gpa gpa, int length, out ReadOnlySpan<byte> span)
    {
        bool isRam = TryGetSpan(gpa, length, out Span<byte> writable);
        span = writable;
        return isRam;
    }

    /// <summary>A piece of RAM that must exist.</summary>
    /// <param name="gpa">First address, of the monitor's choosing.</param>
    /// <param name="length">Bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">Some of it is not RAM.</exception>
    public Span<byte> GetSpan(Gpa gpa, int length) =>
        TryGetSpan(gpa, length, out Span<byte> span) ? span : throw NotRam(gpa, (ulong)(long)length);

    /// <summary>A piece of RAM that must exist and is not to be written.</summary>
    /// <param name="gpa">First address, of the monitor's choosing.</param>
    /// <param name="length">Bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">Some of it is not RAM.</exception>
    public ReadOnlySpan<byte> GetReadOnlySpan(Gpa gpa, int length) => GetSpan(gpa, length);

    /// <summary>Copies bytes out of RAM.</summary>
    /// <param name="gpa">First address.</param>
    /// <param name="destination">Filled on success, otherwise untouched.</param>
    /// <returns>False when some of it is not RAM.</returns>
    public bool TryRead(Gpa gpa, Span<byte> destination)
    {
        if (!TryGetSpan(gpa, destination.Length, out Span<byte> source))
        {
            return false;
        }

        source.CopyTo(destination);
        return true;
    }

    /// <summary>Copies bytes into RAM: all or none.</summary>
    /// <param name="gpa">First address.</param>
    /// <param name="source">The bytes.</param>
    /// <returns>False when some of it is not RAM.</returns>
    public bool TryWrite(Gpa gpa, ReadOnlySpan<byte> source)
    {
        if (!TryGetSpan(gpa, source.Length, out Span<byte> destination))
        {
            return false;
        }

        source.CopyTo(destination);
        return true;
    }

    /// <summary>Reads a value as it lies in memory (little-endian), at any alignment.</summary>
    /// <typeparam name="T">A type without references.</typeparam>
    /// <param name="gpa">First address.</param>
    /// <param name="value">The value, or zero.</param>
    /// <returns>False when some of it is not RAM.</returns>
    public bool TryRead<T>(Gpa gpa, out T value)
        where T : unmanaged
    {
        value = default;
        return TryFind(gpa, (ulong)Unsafe.SizeOf<T>(), out GuestRegion? region, out ulong offset)
            && region.Mapping.TryRead(offset, out value);
    }

    /// <summary>Writes a value as it lies in memory (little-endian), at any alignment.</summary>
    /// <typeparam name="T">A type without references.</typeparam>
    /// <param name="gpa">First address.</param>
    /// <param name="value">The value.</param>
    /// <returns>False when some of it is not RAM; then nothing is written.</returns>
    public bool TryWrite<T>(Gpa gpa, in T value)
        where T : unmanaged =>
        TryFind(gpa, (ulong)Unsafe.SizeOf<T>(), out GuestRegion? region, out ulong offset) && region.Mapping.TryWrite(offset, value);

    /// <summary>Copies bytes out of RAM that must exist.</summary>
    /// <param name="gpa">First address, of the monitor's choosing.</param>
    /// <param name="destination">Filled.</param>
    /// <exception cref="ArgumentOutOfRangeException">Some of it is not RAM.</exception>
    public void Read(Gpa gpa, Span<byte> destination) => GetSpan(gpa, destination.Length).CopyTo(destination);

    /// <summary>Copies bytes into RAM that must exist.</summary>
    /// <param name="gpa">First address, of the monitor's choosing.</param>
    /// <param name="source">The bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">Some of it is not RAM.</exception>
    public void Write(Gpa gpa, ReadOnlySpan<byte> source) => source.CopyTo(GetSpan(gpa, source.Length));

    /// <summary>Reads a value (little-endian) from RAM that must exist.</summary>
    /// <typeparam name="T">A type without references.</typeparam>
    /// <param name="gpa">First address, of the monitor's choosing.</param>
    /// <exception cref="ArgumentOutOfRangeException">Some of it is not RAM.</exception>
    public T Read<T>(Gpa gpa)
        where T : unmanaged =>
        TryRead(gpa, out T value) ? value : throw NotRam(gpa, (ulong)Unsafe.SizeOf<T>());

    /// <summary>Writes a value (little-endian) to RAM that must exist.</summary>
    /// <typeparam name="T">A type without references.</typeparam>
    /// <param name="gpa">First address, of the monitor's choosing.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="ArgumentOutOfRangeException">Some of it is not RAM.</exception>
    public void Write<T>(Gpa gpa, in T value)
        where T : unmanaged
    {
        if (!TryWrite(gpa, value))
        {
            throw NotRam(gpa, (ulong)Unsafe.SizeOf<T>());
        }
    }

    /// <summary>Refers to a value in RAM that must exist, for <see cref="Volatile"/> and <see cref="Interlocked"/>.</summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes.</typeparam>
    /// <param name="gpa">First address, aligned to the size of <typeparamref name="T"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">Some of it is not RAM, or it is not aligned.</exception>
    public ref T GetReference<T>(Gpa gpa)
        where T : unmanaged
    {
        if (!TryFind(gpa, (ulong)Unsafe.SizeOf<T>(), out GuestRegion? region, out ulong offset))
        {
            throw NotRam(gpa, (ulong)Unsafe.SizeOf<T>());
        }

        return ref region.Mapping.GetReference<T>(offset);
    }

    /// <summary>Adds a piece of RAM to a list of pieces for a disk, if all of it is RAM and in one range.</summary>
    /// <param name="list">The list; it has room for one more piece.</param>
    /// <param name="gpa">First address; a guest may have chosen it.</param>
    /// <param name="length">Bytes.</param>
    public bool TryAppendTo(IoVectorList list, Gpa gpa, ulong length) =>
        TryFind(gpa, length, out GuestRegion? region, out ulong offset) && region.Mapping.TryAppendTo(list, offset, length);

    /// <summary>Fills RAM with zeros. A page that is zero already is only read, so that untouched RAM costs the host no memory.</summary>
    /// <param name="range">Guest addresses in one RAM range.</param>
    /// <exception cref="ArgumentOutOfRangeException">Some of it is not RAM.</exception>
    public void Clear(GpaRange range)
    {
        if (!TryFind(range.Start, range.Length, out GuestRegion? region, out ulong offset))
        {
            throw NotRam(range.Start, range.Length);
        }

        for (ulong done = 0; done < range.Length;)
        {
            // Up to the next page boundary, so that each step looks at one page.
            ulong gpa = range.Start.Value + done;
            int length = (int)Math.Min(GuestPage.Size - (gpa & (GuestPage.Size - 1)), range.Length - done);
            Span<byte> piece = region.Mapping.GetSpan(offset + done, length);
            if (piece.ContainsAnyExcept((byte)0))
            {
                piece.Clear();
            }

            done += (ulong)length;
        }
    }

    /// <summary>Where <paramref name="range"/> lies in this process: for memslots and for the firmware's commands.</summary>
    /// <param name="range">Guest addresses in one RAM range.</param>
    /// <returns>The host virtual address of the first byte; valid until <see cref="Dispose"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Some of it is not RAM.</exception>
    public nuint GetHostAddress(GpaRange range) =>
        TryFind(range.Start, range.Length, out GuestRegion? region, out ulong offset)
            ? region.Mapping.Address + (nuint)offset
            : throw NotRam(range.Start, range.Length);

    /// <summary>Gives the host the pages of a range back: they read as zeros afterwards.</summary>
    /// <param name="range">Whole pages of one RAM range.</param>
    /// <exception cref="ArgumentOutOfRangeException">Some of it is not RAM.</exception>
    /// <exception cref="KvmException">The host refused.</exception>
    public void Discard(GpaRange range)
    {
        if (!TryFind(range.Start, range.Length, out GuestRegion? region, out ulong offset))
        {
            throw NotRam(range.Start, range.Length);
        }

        region.Mapping.Advise(offset, range.Length, MemoryAdvice.DontNeed);
    }

    /// <summary>Gives the memory back to the host. The remarks of the type say what must have ended before.</summary>
    public void Dispose()
    {
        _firmware?.Mapping.Dispose();
        _high?.Mapping.Dispose();
        _low.Mapping.Dispose();
    }

    private static GuestRegion Map(GpaRange range) => new(range, MappedRegion.MapAnonymous(range.Length), 0);

    private static ArgumentOutOfRangeException NotRam(Gpa gpa, ulong length) =>
        new(nameof(gpa), $"0x{length:x} bytes at {gpa} are not all in one range of the guest's RAM.");

    private bool TryFind(Gpa gpa, ulong length, [NotNullWhen(true)] out GuestRegion? region, out ulong offset)
    {
        region = _low;
        if (_low.TryGetOffset(gpa, length, out offset))
        {
            return true;
        }

        if (_high is not null && _high.TryGetOffset(gpa, length, out offset))
        {
            region = _high;
            return true;
        }

        region = _firmware;
        return region is not null && region.TryGetOffset(gpa, length, out offset);
    }
}
