using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Devices.Firmware;

/// <summary>
/// PCI configuration space by its ports (mechanism 1) with the three functions that firmware made for QEMU's "pc" machine looks for: host
/// bridge, ISA bridge and power management. There is no other device on the bus.
/// </summary>
/// <remarks>
/// Source: PCI 2.3, 3.2.2.3.2; Intel 82441FX and 82371AB datasheets. The reset control register lies in the same ports: a byte at 0xCF9 is
/// its own.
/// </remarks>
internal sealed class PciConfigPort : IBusDevice
{
    private const ulong AddressOffset = 0;
    private const ulong DataOffset = 4;
    private const uint Enable = 1u << 31;
    private const ushort Intel = 0x8086;

    /// <summary>PMBA: where the guest puts the block of <see cref="PowerManagementBlock"/>; it stays where it is.</summary>
    private const int PowerManagementBase = 0x40;

    private readonly Lock _lock = new();
    private readonly ResetPort _reset;
    private readonly PciFunction[] _functions =
    [
        new(0, 0, Intel, 0x1237, 0x060000), // 82441FX host bridge
        new(1, 0, Intel, 0x7000, 0x060100, isMultiFunction: true), // 82371SB ISA bridge
        new PciFunction(1, 3, Intel, 0x7113, 0x068000).WithFixed(PowerManagementBase, 1), // 82371AB power management: an I/O base
    ];

    private uint _address;

    /// <summary>Makes the ports.</summary>
    /// <param name="reset">Who answers at 0xCF9.</param>
    internal PciConfigPort(ResetPort reset) => _reset = reset;

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        lock (_lock)
        {
            if (offset == AddressOffset && data.Length == sizeof(uint))
            {
                BinaryPrimitives.WriteUInt32LittleEndian(data, _address);
                return;
            }

            if (offset < DataOffset)
            {
                _reset.Read(offset, data);
                return;
            }

            data.Fill(0xFF);
            if (TryFind(offset - DataOffset, data.Length, out PciFunction? function, out int register))
            {
                function!.Read(register, data);
            }
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        lock (_lock)
        {
            if (offset == AddressOffset && data.Length == sizeof(uint))
            {
                _address = BinaryPrimitives.ReadUInt32LittleEndian(data);
            }
            else if (offset < DataOffset)
            {
                _reset.Write(offset, data);
            }
            else if (TryFind(offset - DataOffset, data.Length, out PciFunction? function, out int register))
            {
                function!.Write(register, data);
            }
        }
    }

    private bool TryFind(ulong offset, int length, out PciFunction? function, out int register)
    {
        register = (int)(_address & 0xFC) + (int)offset;
        uint bus = (_address >> 16) & 0xFF;
        int number = (int)((_address >> 8) & 0xFF);
        bool isInside = (_address & Enable) != 0 && bus == 0 && (int)offset + length <= sizeof(uint);
        function = isInside ? Array.Find(_functions, candidate => candidate.Number == number) : null;
        return function is not null;
    }
}
