using System.Diagnostics.CodeAnalysis;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>The device's side of one split virtqueue.</summary>
/// <remarks>
/// <para>Not safe for threads: the transport calls it under the device's lock. It allocates nothing.</para>
/// <para>A driver's mistake stops the queue until the device is reset; <see cref="Fault"/> says what it was. Indices are read and published
/// with <see cref="Volatile"/>; every descriptor is copied once, and the copy is checked and used. Source: virtio 1.2, 2.7.</para>
/// </remarks>
public sealed class Virtqueue
{
    /// <summary>Most descriptors of a queue.</summary>
    public const int MaximumSize = 256;

    private const ulong MaximumChainBytes = 1UL << 32;
    private const ushort NoInterruptFlag = 1;
    private const ushort NoNotifyFlag = 1;

    private readonly GuestMemory _memory;
    private readonly SharedMemoryGuard _guard;
    private readonly DescriptorChain _chain;
    private VirtqueueLayout _layout;
    private ushort _nextAvailable;
    private ushort _nextUsed;
    private ushort _signalledUsed;
    private bool _hasSignalled;
    private bool _usesEventIndex;
    private bool _usesIndirect;
    private ulong _checkedGeneration;
    private long _completedChains;

    internal Virtqueue(int index, GuestMemory memory, SharedMemoryGuard guard)
    {
        Index = index;
        _memory = memory;
        _guard = guard;
        _chain = new DescriptorChain(memory, guard, this);
    }

    /// <summary>Which queue of its device it is.</summary>
    public int Index { get; }

    /// <summary>Whether the driver has enabled it.</summary>
    public bool IsReady { get; private set; }

    /// <summary>Chains given back to the driver, in all its life. Written under the device's gate, read from any thread.</summary>
    public long CompletedChains => Volatile.Read(ref _completedChains);

    /// <summary>Why it stopped; its error is <see cref="VirtqueueError.None"/> while it works.</summary>
    internal VirtqueueFault Fault { get; private set; }

    /// <summary>Where it lies, while it is ready.</summary>
    internal VirtqueueLayout Layout => _layout;

    /// <summary>Takes the next chain that the driver offers.</summary>
    /// <param name="chain">The chain, valid until the next call; give it back with <see cref="AddUsed"/>.</param>
    /// <returns>False when there is none, or the queue has stopped.</returns>
    public bool TryPop([NotNullWhen(true)] out DescriptorChain? chain)
    {
        chain = null;
        if (!IsReady || !MayTouchRings())
        {
            return false;
        }

        // Acquire: the entries and descriptors below are read after the index that announces them.
        ushort waiting = unchecked((ushort)(ReadAvailableIndex() - _nextAvailable));
        if (waiting == 0)
        {
            return false;
        }

        if (waiting > _layout.Size)
        {
            return Break(VirtqueueError.AvailableIndex, VirtqueuePart.AvailableRing, _layout.Available);
        }

        ulong entry = _layout.Available + 4 + (2 * (_nextAvailable & (_layout.Size - 1)));
        if (!TryWalk(_memory.Read<ushort>(new Gpa(entry)), entry))
        {
            return false;
        }

        _nextAvailable++;
        chain = _chain;
        return true;
    }

    /// <summary>Puts the chain that was popped last back, for a device that cannot take it yet.</summary>
    public void UndoPop() => _nextAvailable--;

    /// <summary>Gives a chain back to the driver.</summary>
    /// <param name="head">The chain's <see cref="DescriptorChain.Head"/>.</param>
    /// <param name="written">Bytes that were written, from the first writable one on.</param>
    public void AddUsed(ushort head, uint written)
    {
        if (!IsReady || !MayTouchRings())
        {
            return;
        }

        ulong entry = _layout.Used + 4 + (8 * (_nextUsed & (_layout.Size - 1)));
        _memory.Write(new Gpa(entry), (uint)head);
        _memory.Write(new Gpa(entry + 4), written);
        _nextUsed++;
        Volatile.Write(ref _completedChains, _completedChains + 1);

        // Release: whoever sees the new index sees the entry and the buffers.
        Volatile.Write(ref _memory.GetReference<ushort>(new Gpa(_layout.Used + 2)), _nextUsed);
    }

    /// <summary>Stops the queue because a request has no form that the device could answer.</summary>
    /// <param name="chain">The request.</param>
    public void RefuseRequest(DescriptorChain chain)
    {
        ulong descriptor = _layout.Descriptors + (VirtqDescriptor.Size * chain.Head);
        _ = Break(VirtqueueError.Request, VirtqueuePart.DescriptorTable, descriptor);
    }

    /// <summary>Whether the driver wants an interrupt for what was given back since it was last asked.</summary>
    internal bool TakeInterrupt()
    {
        if (!IsReady || _nextUsed == _signalledUsed || !MayTouchRings())
        {
            return false;
        }

        // The driver first says whether it wants to be interrupted and then looks at the index; we publish the index and then look.
        Interlocked.MemoryBarrier();
        ushort before = _signalledUsed;
        bool isFirst = !_hasSignalled;
        _signalledUsed = _nextUsed;
        _hasSignalled = true;
        if (!_usesEventIndex)
        {
            return (Volatile.Read(ref _memory.GetReference<ushort>(new Gpa(_layout.Available))) & NoInterruptFlag) == 0;
        }

        ushort wanted = Volatile.Read(ref _memory.GetReference<ushort>(new Gpa(_layout.Available + 4 + (2 * _layout.Size))));
        return isFirst || unchecked((ushort)(_nextUsed - wanted - 1) < (ushort)(_nextUsed - before));
    }

    /// <summary>Tells the driver that it need not notify for now.</summary>
    internal void DisableNotifications()
    {
        if (IsReady && !_usesEventIndex && MayTouchRings())
        {
            Volatile.Write(ref _memory.GetReference<ushort>(new Gpa(_layout.Used)), NoNotifyFlag);
        }
    }

    /// <summary>Asks the driver to notify for the next chain.</summary>
    /// <returns>False when there is one already, which the driver may not notify for.</returns>
    internal bool EnableNotifications()
    {
        if (!IsReady || !MayTouchRings())
        {
            return true;
        }

        if (_usesEventIndex)
        {
            Volatile.Write(ref _memory.GetReference<ushort>(new Gpa(_layout.Used + 4 + (8 * _layout.Size))), _nextAvailable);
        }
        else
        {
            Volatile.Write(ref _memory.GetReference<ushort>(new Gpa(_layout.Used)), (ushort)0);
        }

        Interlocked.MemoryBarrier();
        return ReadAvailableIndex() == _nextAvailable;
    }

    /// <summary>Enables the queue where the driver has put it.</summary>
    /// <param name="layout">Where.</param>
    /// <param name="features">The features that were agreed on.</param>
    internal void Enable(in VirtqueueLayout layout, ulong features)
    {
        VirtqueueFault fault = layout.FindFault(MaximumSize);
        if (fault.Error != VirtqueueError.None)
        {
            Break(fault);
            return;
        }

        _layout = layout;
        _nextAvailable = 0;
        _nextUsed = 0;
        _signalledUsed = 0;
        _hasSignalled = false;
        _usesEventIndex = (features & VirtioFeatures.EventIndex) != 0;
        _usesIndirect = (features & VirtioFeatures.IndirectDescriptors) != 0;
        _checkedGeneration = ulong.MaxValue;
        IsReady = MayTouchRings();
    }

    /// <summary>
    /// Finds the buffers that the driver has offered and not got back yet, for the map. A chain ends where it is not well-formed; what a
    /// device may not touch is left out. Nothing changes, no fault is told.
    /// </summary>
    /// <param name="buffers">Gets them.</param>
    /// <param name="most">Most buffers to find.</param>
    internal void FindOfferedBuffers(List<GpaRange> buffers, int most)
    {
        if (!IsReady
            || !IsAllowed(_layout.Descriptors, _layout.DescriptorsLength)
            || !IsAllowed(_layout.Available, _layout.AvailableLength))
        {
            return;
        }

        // Every device gives chains back in their order, so the next used entry answers the first chain that is still out.
        ushort waiting = unchecked((ushort)(ReadAvailableIndex() - _nextUsed));
        for (uint i = 0; i < waiting && waiting <= _layout.Size && buffers.Count < most; i++)
        {
            ulong entry = _layout.Available + 4 + (2 * ((_nextUsed + i) & (_layout.Size - 1)));
            FindBuffers(_memory.Read<ushort>(new Gpa(entry)), buffers, most);
        }
    }

    /// <summary>Disables the queue and forgets its mistake.</summary>
    internal void Reset()
    {
        IsReady = false;
        Fault = default;
        _layout = default;
    }

    /// <summary>Stops the queue; the first mistake is the one that is told.</summary>
    internal void Break(in VirtqueueFault fault)
    {
        if (Fault.Error == VirtqueueError.None)
        {
            Fault = fault;
        }

        IsReady = false;
    }

    private ushort ReadAvailableIndex() => Volatile.Read(ref _memory.GetReference<ushort>(new Gpa(_layout.Available + 2)));

    private bool Break(VirtqueueError error, VirtqueuePart part, ulong address)
    {
        Break(new VirtqueueFault(error, part, new Gpa(address), default));
        return false;
    }

    private void FindBuffers(uint index, List<GpaRange> buffers, int most)
    {
        ulong table = _layout.Descriptors;
        uint tableSize = _layout.Size;
        bool isIndirect = false;
        for (uint step = 0; step <= _layout.Size && index < tableSize && buffers.Count < most; step++)
        {
            VirtqDescriptor descriptor = _memory.Read<VirtqDescriptor>(new Gpa(table + (VirtqDescriptor.Size * index)));
            if (descriptor.IsIndirect)
            {
                if (isIndirect || !IsGoodTable(descriptor) || !IsAllowed(descriptor.Address, descriptor.Length))
                {
                    return;
                }

                isIndirect = true;
                table = descriptor.Address;
                tableSize = descriptor.Length / VirtqDescriptor.Size;
                index = 0;
                continue;
            }

            if (descriptor.Length > 0 && IsAllowed(descriptor.Address, descriptor.Length))
            {
                buffers.Add(new GpaRange(new Gpa(descriptor.Address), descriptor.Length));
            }

            if (!descriptor.HasNext)
            {
                return;
            }

            index = descriptor.Next;
        }
    }

    private bool IsAllowed(ulong address, ulong length) => _guard.Allows(new Gpa(address), length, VirtqueuePart.Buffer, out _);

    private bool Allows(ulong address, ulong length, VirtqueuePart part)
    {
        if (_guard.Allows(new Gpa(address), length, part, out VirtqueueFault fault))
        {
            return true;
        }

        Break(fault);
        return false;
    }

    /// <summary>Whether all three rings are shared now. As long as the guest converts nothing, the last answer holds.</summary>
    private bool MayTouchRings()
    {
        ulong generation = _guard.Generation;
        if (generation == _checkedGeneration)
        {
            return true;
        }

        if (!Allows(_layout.Descriptors, _layout.DescriptorsLength, VirtqueuePart.DescriptorTable)
            || !Allows(_layout.Available, _layout.AvailableLength, VirtqueuePart.AvailableRing)
            || !Allows(_layout.Used, _layout.UsedLength, VirtqueuePart.UsedRing))
        {
            return false;
        }

        _checkedGeneration = generation;
        return true;
    }

    /// <summary>Copies and checks a chain, descriptor by descriptor.</summary>
    /// <param name="head">Index of the first.</param>
    /// <param name="entry">Where that index was read.</param>
    private bool TryWalk(ushort head, ulong entry)
    {
        if (head >= _layout.Size)
        {
            return Break(VirtqueueError.DescriptorIndex, VirtqueuePart.AvailableRing, entry);
        }

        _chain.Begin(head, _checkedGeneration);
        ulong table = _layout.Descriptors;
        uint tableSize = _layout.Size;
        VirtqueuePart part = VirtqueuePart.DescriptorTable;
        uint index = head;
        while (true)
        {
            ulong address = table + (VirtqDescriptor.Size * index);
            VirtqDescriptor descriptor = _memory.Read<VirtqDescriptor>(new Gpa(address));
            if (descriptor.IsIndirect)
            {
                if (part == VirtqueuePart.IndirectTable || !IsGoodTable(descriptor))
                {
                    return Break(VirtqueueError.Indirect, part, address);
                }

                if (!Allows(descriptor.Address, descriptor.Length, VirtqueuePart.IndirectTable))
                {
                    return false;
                }

                table = descriptor.Address;
                tableSize = descriptor.Length / VirtqDescriptor.Size;
                part = VirtqueuePart.IndirectTable;
                index = 0;
                continue;
            }

            if (!TryAddBuffer(descriptor, part, address))
            {
                return false;
            }

            if (!descriptor.HasNext)
            {
                _chain.Rewind();
                return true;
            }

            index = descriptor.Next;
            if (index >= tableSize)
            {
                return Break(VirtqueueError.DescriptorIndex, part, address);
            }
        }
    }

    private bool IsGoodTable(in VirtqDescriptor descriptor) =>
        _usesIndirect
        && !descriptor.HasNext
        && descriptor.Length > 0
        && descriptor.Length % VirtqDescriptor.Size == 0
        && descriptor.Length / VirtqDescriptor.Size <= _layout.Size;

    private bool TryAddBuffer(in VirtqDescriptor descriptor, VirtqueuePart part, ulong address)
    {
        // A chain has at most as many buffers as the queue has descriptors (2.7.5.3.1), so a loop ends here too.
        if (_chain.BufferCount == (int)_layout.Size)
        {
            return Break(VirtqueueError.ChainTooLong, part, address);
        }

        if (descriptor.Length == 0)
        {
            return Break(VirtqueueError.EmptyBuffer, part, address);
        }

        if (!descriptor.IsWritable && _chain.HasWritable)
        {
            return Break(VirtqueueError.BufferOrder, part, address);
        }

        if (_chain.ByteCount + descriptor.Length > MaximumChainBytes)
        {
            return Break(VirtqueueError.TooManyBytes, part, address);
        }

        if (!Allows(descriptor.Address, descriptor.Length, VirtqueuePart.Buffer))
        {
            return false;
        }

        _chain.Add(new GuestBuffer(new Gpa(descriptor.Address), descriptor.Length), descriptor.IsWritable);
        return true;
    }
}
