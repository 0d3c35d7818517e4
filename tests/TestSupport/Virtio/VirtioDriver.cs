using System.Buffers.Binary;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using Register = KvmSevVmm.Vmm.Devices.Virtio.VirtioMmioRegister;

namespace KvmSevVmm.TestSupport.Virtio;

/// <summary>Plays the guest's side of a virtio-mmio device: a second driver beside Linux', written from the specification.</summary>
/// <remarks>Queue n's rings lie at 1 MiB + n * 64 KiB, in this order: descriptors, available, used, a page each at least.</remarks>
internal sealed class VirtioDriver
{
    internal const ulong QueuesStart = 1UL << 20;
    internal const ulong QueueStride = 64 << 10;

    private readonly VirtioMmioTransport _transport;
    private readonly GuestMemory _memory;
    private readonly ushort[] _nextAvailable = new ushort[32];
    private readonly ushort[] _nextUsed = new ushort[32];
    private readonly uint[] _sizes = new uint[32];

    internal VirtioDriver(VirtioMmioTransport transport, GuestMemory memory)
    {
        _transport = transport;
        _memory = memory;
    }

    internal VirtioStatus Status => (VirtioStatus)Read(Register.Status);

    internal static ulong Descriptors(int queue) => QueuesStart + (QueueStride * (ulong)queue);

    internal static ulong Available(int queue) => Descriptors(queue) + 0x2000;

    internal static ulong Used(int queue) => Descriptors(queue) + 0x4000;

    internal uint Read(ulong register)
    {
        Span<byte> data = stackalloc byte[4];
        _transport.Read(register, data);
        return BinaryPrimitives.ReadUInt32LittleEndian(data);
    }

    internal void Write(ulong register, uint value)
    {
        Span<byte> data = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        _transport.Write(register, data);
    }

    /// <summary>From reset to FEATURES_OK.</summary>
    /// <param name="features">What to accept; null accepts all that is offered.</param>
    /// <returns>Whether the device agreed.</returns>
    internal bool Negotiate(ulong? features = null)
    {
        Write(Register.Status, 0);
        Array.Clear(_nextAvailable);
        Array.Clear(_nextUsed);
        Write(Register.Status, 1);
        Write(Register.Status, 3);
        ulong accepted = features ?? ReadFeatures();
        Write(Register.DriverFeaturesSelect, 0);
        Write(Register.DriverFeatures, (uint)accepted);
        Write(Register.DriverFeaturesSelect, 1);
        Write(Register.DriverFeatures, (uint)(accepted >> 32));
        Write(Register.Status, 11);
        return (Status & VirtioStatus.FeaturesOk) != 0;
    }

    internal ulong ReadFeatures()
    {
        Write(Register.DeviceFeaturesSelect, 0);
        ulong low = Read(Register.DeviceFeatures);
        Write(Register.DeviceFeaturesSelect, 1);
        return low | ((ulong)Read(Register.DeviceFeatures) << 32);
    }

    internal void PlaceQueue(int queue, uint size, ulong descriptors, ulong available, ulong used)
    {
        Write(Register.QueueSelect, (uint)queue);
        Write(Register.QueueSize, size);
        Write(Register.QueueDescriptorsLow, (uint)descriptors);
        Write(Register.QueueDescriptorsHigh, (uint)(descriptors >> 32));
        Write(Register.QueueDriverLow, (uint)available);
        Write(Register.QueueDriverHigh, (uint)(available >> 32));
        Write(Register.QueueDeviceLow, (uint)used);
        Write(Register.QueueDeviceHigh, (uint)(used >> 32));
        Write(Register.QueueReady, 1);
        _sizes[queue] = size;
        _nextAvailable[queue] = 0;
        _nextUsed[queue] = 0;
    }

    internal void SetUpQueue(int queue, uint size)
    {
        _memory.Clear(new GpaRange(new Gpa(Descriptors(queue)), QueueStride));
        PlaceQueue(queue, size, Descriptors(queue), Available(queue), Used(queue));
        Require(Read(Register.QueueReady) == 1, "the device did not take the queue");
    }

    /// <summary>Everything up to DRIVER_OK, with every queue of the device.</summary>
    internal void Start(uint size = 16, ulong? features = null)
    {
        Require(Negotiate(features), "the device did not accept the features");
        for (int queue = 0; queue < _transport.Device.QueueCount; queue++)
        {
            SetUpQueue(queue, size);
        }

        Write(Register.Status, 15);
        Require(Status == (VirtioStatus)15, "the device did not go on to DRIVER_OK");
    }

    internal void SetDescriptor(int queue, uint index, ulong address, uint length, ushort flags, ushort next = 0) =>
        SetDescriptorAt(Descriptors(queue) + (16 * index), address, length, flags, next);

    internal void SetDescriptorAt(ulong at, ulong address, uint length, ushort flags, ushort next = 0) =>
        _memory.Write(new Gpa(at), new VirtqDescriptor(address, length, flags, next));

    /// <summary>Lays a chain into descriptors from <paramref name="head"/> on.</summary>
    internal void SetChain(int queue, uint head, params ReadOnlySpan<DriverBuffer> buffers)
    {
        for (int i = 0; i < buffers.Length; i++)
        {
            bool isLast = i == buffers.Length - 1;
            ushort flags = (ushort)((buffers[i].IsWritable ? 2 : 0) | (isLast ? 0 : 1));
            SetDescriptor(queue, head + (uint)i, buffers[i].Address, buffers[i].Length, flags, (ushort)(head + i + 1));
        }
    }

    /// <summary>Makes a chain available, without a notification.</summary>
    internal void Offer(int queue, ushort head)
    {
        ulong slot = _nextAvailable[queue] & (_sizes[queue] - 1);
        _memory.Write(new Gpa(Available(queue) + 4 + (2 * slot)), head);
        SetAvailableIndex(queue, ++_nextAvailable[queue]);
    }

    internal void SetAvailableIndex(int queue, ushort index)
    {
        _nextAvailable[queue] = index;
        Volatile.Write(ref _memory.GetReference<ushort>(new Gpa(Available(queue) + 2)), index);
    }

    /// <summary>Where used_event lies; the driver writes there when it wants to be interrupted.</summary>
    internal void SetUsedEvent(int queue, ushort index) =>
        _memory.Write(new Gpa(Available(queue) + 4 + (2 * _sizes[queue])), index);

    internal ushort ReadAvailableEvent(int queue) => _memory.Read<ushort>(new Gpa(Used(queue) + 4 + (8 * _sizes[queue])));

    internal bool TryTakeUsed(int queue, out uint head, out uint written)
    {
        ushort index = Volatile.Read(ref _memory.GetReference<ushort>(new Gpa(Used(queue) + 2)));
        head = 0;
        written = 0;
        if (index == _nextUsed[queue])
        {
            return false;
        }

        ulong slot = Used(queue) + 4 + (8 * (_nextUsed[queue] & (_sizes[queue] - 1)));
        head = _memory.Read<uint>(new Gpa(slot));
        written = _memory.Read<uint>(new Gpa(slot + 4));
        _nextUsed[queue]++;
        return true;
    }

    /// <summary>Offers a chain, has the device process the queue on this thread, and takes the answer.</summary>
    /// <returns>The number of bytes that the device says it wrote; null when it gave nothing back.</returns>
    internal uint? Send(int queue, params ReadOnlySpan<DriverBuffer> buffers)
    {
        SetChain(queue, 0, buffers);
        return SendHead(queue, 0);
    }

    internal uint? SendHead(int queue, ushort head)
    {
        Offer(queue, head);
        _transport.ProcessQueue(queue);
        return TryTakeUsed(queue, out uint used, out uint written) && used == head ? written : null;
    }
    private static void Require(bool condition, string problem)
    {
        if (!condition)
        {
            throw new InvalidOperationException(problem);
        }
    }
}
