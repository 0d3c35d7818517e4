using System.Globalization;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>An address space of devices: the I/O ports, or the guest-physical addresses that are not RAM.</summary>
/// <remarks>
/// <para>Devices are registered while the machine is built; the first access (or <see cref="Freeze"/>) closes the list. From then on the
/// bus is read-only, takes no lock and allocates nothing, so that every vCPU thread may use it at once.</para>
/// <para>An access that lies within one window reaches its device whole. Any other access is done byte by byte, from the lowest address
/// up: each byte goes to the window that holds it, and a byte that no window holds reads 0xFF or is dropped. So does an ISA bus with 8-bit
/// devices, and so does QEMU at the border of a region. The same holds for lengths that are no power of two, which KVM makes of an MMIO
/// access across a page border.</para>
/// </remarks>
public sealed class IoBus
{
    /// <summary>Bytes of the widest access.</summary>
    public const int MaxAccessSize = 8;

    private readonly Lock _lock = new();
    private readonly List<Window> _registered = [];
    private Window[]? _windows;
    private long _unclaimedAccesses;
    private ulong _lastUnclaimedAddress;

    /// <summary>Number of accesses of which at least one byte met no device.</summary>
    public long UnclaimedAccesses => Interlocked.Read(ref _unclaimedAccesses);

    /// <summary>Start of the latest access that <see cref="UnclaimedAccesses"/> counted; 0 before the first.</summary>
    public ulong LastUnclaimedAddress => Volatile.Read(ref _lastUnclaimedAddress);

    /// <summary>Gives a device its window.</summary>
    /// <param name="start">First address.</param>
    /// <param name="length">Bytes; at least 1, and the window ends within the address space.</param>
    /// <param name="device">Who answers; offsets it sees count from <paramref name="start"/>.</param>
    /// <param name="name">For messages: <c>serial</c>.</param>
    /// <exception cref="ArgumentException">The window overlaps another; the message names both.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The window is empty or wraps around.</exception>
    /// <exception cref="InvalidOperationException">The bus is frozen.</exception>
    public void Register(ulong start, ulong length, IBusDevice device, string name)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length - 1, ulong.MaxValue - start, nameof(length));
        Window added = new(start, length, device, name);
        lock (_lock)
        {
            if (_windows is not null)
            {
                throw new InvalidOperationException($"{name}: a device cannot be registered once the bus is in use.");
            }

            foreach (Window other in _registered)
            {
                if (start <= other.Last && other.Start <= added.Last)
                {
                    throw new ArgumentException($"{added} overlaps {other}.", nameof(start));
                }
            }

            _registered.Add(added);
        }
    }

    /// <summary>Closes the list of devices; idempotent.</summary>
    public void Freeze() => GetWindows();

    /// <summary>Name of the device at an address, or null.</summary>
    /// <param name="address">The address.</param>
    public string? GetDeviceName(ulong address)
    {
        Window[] windows = GetWindows();
        int index = Find(windows, address);
        return index < 0 ? null : windows[index].Name;
    }

    /// <summary>Does one access.</summary>
    /// <param name="address">Port or guest-physical address of the first byte.</param>
    /// <param name="isWrite">True for a write.</param>
    /// <param name="data">1 to 8 bytes, little-endian: what is written, or room for what is read, which is always filled.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="data"/> is empty or longer than 8 bytes: a bug of the
    /// caller.</exception>
    public void Access(ulong address, bool isWrite, Span<byte> data)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(data.Length - 1, nameof(data));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(data.Length, MaxAccessSize, nameof(data));
        Window[] windows = GetWindows();
        int index = Find(windows, address);
        if (index >= 0 && int.IsPow2(data.Length))
        {
            ref readonly Window window = ref windows[index];
            ulong offset = address - window.Start;
            if ((ulong)data.Length <= window.Length - offset)
            {
                Transfer(window.Device, offset, isWrite, data);
                return;
            }
        }

        AccessBytewise(windows, address, isWrite, data);
    }

    /// <summary>Does the accesses of one string instruction (INS, OUTS), all of them to the same port.</summary>
    /// <param name="port">The port.</param>
    /// <param name="isWrite">True for OUTS.</param>
    /// <param name="size">Bytes of one access: 1, 2 or 4.</param>
    /// <param name="data">A whole number of accesses, in order.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is not 1 to 8, or does not divide the length: a bug of the
    /// caller.</exception>
    public void AccessRepeated(ulong port, bool isWrite, int size, Span<byte> data)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, MaxAccessSize);
        ArgumentOutOfRangeException.ThrowIfNotEqual(data.Length % size, 0, nameof(data));
        for (int i = 0; i < data.Length; i += size)
        {
            Access(port, isWrite, data.Slice(i, size));
        }
    }

    private static void Transfer(IBusDevice device, ulong offset, bool isWrite, Span<byte> data)
    {
        if (isWrite)
        {
            device.Write(offset, data);
        }
        else
        {
            device.Read(offset, data);
        }
    }

    private static int Find(Window[] windows, ulong address)
    {
        int low = 0;
        int high = windows.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >> 1;
            ref readonly Window window = ref windows[middle];
            if (address < window.Start)
            {
                high = middle - 1;
            }
            else if (address - window.Start < window.Length)
            {
                return middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return -1;
    }

    private void AccessBytewise(Window[] windows, ulong address, bool isWrite, Span<byte> data)
    {
        bool isClaimed = true;
        for (int i = 0; i < data.Length; i++)
        {
            // Wraps at the end of the address space, where nothing can be registered across.
            ulong current = unchecked(address + (uint)i);
            int index = Find(windows, current);
            if (index >= 0)
            {
                Transfer(windows[index].Device, current - windows[index].Start, isWrite, data.Slice(i, 1));
                continue;
            }

            isClaimed = false;
            if (!isWrite)
            {
                data[i] = 0xFF;
            }
        }

        if (!isClaimed)
        {
            Volatile.Write(ref _lastUnclaimedAddress, address);
            Interlocked.Increment(ref _unclaimedAccesses);
        }
    }

    private Window[] GetWindows()
    {
        Window[]? windows = Volatile.Read(ref _windows);
        return windows ?? FreezeNow();
    }

    private Window[] FreezeNow()
    {
        lock (_lock)
        {
            if (_windows is null)
            {
                Window[] sorted = [.. _registered];
                Array.Sort(sorted, static (left, right) => left.Start.CompareTo(right.Start));
                Volatile.Write(ref _windows, sorted);
            }

            return _windows;
        }
    }

    private readonly struct Window(ulong start, ulong length, IBusDevice device, string name)
    {
        public ulong Start { get; } = start;

        public ulong Length { get; } = length;

        public IBusDevice Device { get; } = device;

        public string Name { get; } = name;

        public ulong Last => Start + (Length - 1);

        public override string ToString() =>
            string.Create(CultureInfo.InvariantCulture, $"{Name} (0x{Start:x}-0x{Last:x})");
    }
}
