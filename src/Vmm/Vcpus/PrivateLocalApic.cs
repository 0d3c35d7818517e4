using System.Buffers.Binary;
using System.Numerics;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>
/// Local APIC of one vCPU of a simulated SEV guest, reached through a private mapping. A SEV processor takes the C-bit off an address
/// before it looks where that leads; here the bit is an ordinary address bit, and KVM answers at the plain address only.
/// </summary>
/// <remarks>
/// OVMF maps everything private until its driver for SEV has run, and starts its processors before that. Reads and writes go to KVM's own
/// APIC by KVM_GET_LAPIC and KVM_SET_LAPIC, interprocessor interrupts by KVM_SIGNAL_MSI. Source: AMD64 APM 2, 15.34.6 and 16.3 to 16.6.
/// </remarks>
public sealed class PrivateLocalApic
{
    /// <summary>Where the processor's local APIC is.</summary>
    private static readonly GpaRange Window = new(new Gpa(0xFEE0_0000), 4096);

    private const int RegisterStride = 16;
    private const int TaskPriority = 0x80;
    private const int EndOfInterrupt = 0xB0;
    private const int LogicalDestination = 0xD0;
    private const int DestinationFormat = 0xE0;
    private const int SpuriousInterruptVector = 0xF0;
    private const int InService = 0x100;
    private const int InServiceWords = 8;
    private const int ErrorStatus = 0x280;
    private const int InterruptCommandLow = 0x300;
    private const int InterruptCommandHigh = 0x310;
    private const int FirstLocalVector = 0x320;
    private const int LastLocalVector = 0x370;
    private const int TimerInitialCount = 0x380;
    private const int TimerDivide = 0x3E0;

    private const uint MessageAddress = 0xFEE0_0000;
    private const int MessageDestinationShift = 12;
    private const uint MessageLogical = 1 << 2;
    private const int CommandDestinationShift = 24;
    private const uint CommandVectorAndMode = 0x7FF;
    private const uint CommandLogical = 1 << 11;
    private const uint CommandAssert = 1 << 14;
    private const uint CommandLevelTriggered = 1 << 15;
    private const uint CommandMode = 7 << 8;
    private const uint ModeInit = 5 << 8;
    private const int ShorthandShift = 18;

    private readonly KvmVcpu _vcpu;
    private readonly KvmVm _vm;
    private readonly int _vcpuCount;
    private readonly ulong _cBit;

    /// <summary>Makes the private view of a vCPU's APIC.</summary>
    /// <param name="vcpu">The vCPU; its APIC is in the kernel, and its identifier is the APIC's.</param>
    /// <param name="vm">Its VM.</param>
    /// <param name="vcpuCount">How many vCPUs there are, with identifiers from 0.</param>
    /// <param name="cBitPosition">Position of the C-bit.</param>
    public PrivateLocalApic(KvmVcpu vcpu, KvmVm vm, int vcpuCount, int cBitPosition)
    {
        _vcpu = vcpu;
        _vm = vm;
        _vcpuCount = vcpuCount;
        _cBit = 1UL << cBitPosition;
    }

    private enum Shorthand
    {
        None,
        Self,
        All,
        Others,
    }

    /// <summary>Answers an access, on the vCPU's thread, if it is for the APIC.</summary>
    /// <param name="address">The guest physical address, with the C-bit if the guest's mapping has it.</param>
    /// <param name="isWrite">True for a write.</param>
    /// <param name="data">1 to 8 bytes, little-endian. Only aligned accesses of 4 bytes reach a register; others read as 0.</param>
    /// <returns>Whether it was for the APIC.</returns>
    /// <exception cref="KvmNative.Errors.KvmException">KVM refused to hand the APIC's state over.</exception>
    public bool TryAccess(ulong address, bool isWrite, Span<byte> data)
    {
        if ((address & _cBit) == 0 || !Window.Contains(new Gpa(address & ~_cBit)))
        {
            return false;
        }

        int register = (int)((address & ~_cBit) - Window.Start.Value);
        if (data.Length != sizeof(uint) || register % RegisterStride != 0 || register >= Bytes1024.Length)
        {
            if (!isWrite)
            {
                data.Clear();
            }
        }
        else if (isWrite)
        {
            Write(register, BinaryPrimitives.ReadUInt32LittleEndian(data));
        }
        else
        {
            BinaryPrimitives.WriteUInt32LittleEndian(data, Get(_vcpu.GetLapic(), register));
        }

        return true;
    }

    private static uint Get(in KvmLapicState apic, int register) =>
        BinaryPrimitives.ReadUInt32LittleEndian(((ReadOnlySpan<byte>)apic.Regs)[register..]);

    private static void Set(ref KvmLapicState apic, int register, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(((Span<byte>)apic.Regs)[register..], value);

    private static void EndHighestInService(ref KvmLapicState apic)
    {
        for (int word = InServiceWords - 1; word >= 0; word--)
        {
            int register = InService + (word * RegisterStride);
            uint bits = Get(apic, register);
            if (bits != 0)
            {
                Set(ref apic, register, bits & ~(1U << BitOperations.Log2(bits)));
                return;
            }
        }
    }

    private void Write(int register, uint value)
    {
        KvmLapicState apic = _vcpu.GetLapic();
        switch (register)
        {
            case TaskPriority or LogicalDestination or DestinationFormat or SpuriousInterruptVector:
            case TimerInitialCount or TimerDivide or InterruptCommandHigh:
            case >= FirstLocalVector and <= LastLocalVector:
                Set(ref apic, register, value);
                break;
            case ErrorStatus:
                Set(ref apic, register, 0);
                break;
            case EndOfInterrupt:
                EndHighestInService(ref apic);
                break;
            case InterruptCommandLow:
                Send(value, Get(apic, InterruptCommandHigh) >> CommandDestinationShift);
                return;
            default:
                // The rest cannot be written.
                return;
        }

        _vcpu.SetLapic(in apic);
    }

    private void Send(uint command, uint destination)
    {
        // The end of an INIT means nothing since the Pentium 4; as a message it would be another INIT.
        if ((command & (CommandMode | CommandAssert)) == ModeInit)
        {
            return;
        }

        switch ((Shorthand)((command >> ShorthandShift) & 3))
        {
            case Shorthand.None:
                SendMessage(command, destination, isLogical: (command & CommandLogical) != 0);
                break;
            case Shorthand.Self:
                SendMessage(command, _vcpu.Id, isLogical: false);
                break;
            case Shorthand.All:
                SendToAll(command, exceptSelf: false);
                break;
            default:
                SendToAll(command, exceptSelf: true);
                break;
        }
    }

    private void SendToAll(uint command, bool exceptSelf)
    {
        for (uint id = 0; id < (uint)_vcpuCount; id++)
        {
            if (!exceptSelf || id != _vcpu.Id)
            {
                SendMessage(command, id, isLogical: false);
            }
        }
    }

    private void SendMessage(uint command, uint destination, bool isLogical)
    {
        KvmMsi message = new()
        {
            AddressLo = MessageAddress | (destination << MessageDestinationShift) | (isLogical ? MessageLogical : 0),
            Data = command & (CommandVectorAndMode | CommandAssert | CommandLevelTriggered),
        };
        _ = _vm.SignalMsi(in message);
    }
}
